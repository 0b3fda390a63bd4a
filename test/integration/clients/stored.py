"""Holds what `fresnel export` wrote to the ECS documents that were sent: each as often as it
was sent, with all its fields.

usage: stored.py FOLDER LABEL=FILE...

LABEL is the index that the documents of FILE (NDJSON) were sent to. Prints one JSON object for
each label that there is, in the files or among the arguments.
"""

import collections
import datetime
import json
import sys

import duckdb

LABEL, ID = "_index", "event.id_hash"
NAMES = {"zeek.connection.state": "connection.state"}  # ECS has none for it

folder, labels = sys.argv[1], dict(a.split("=", 1) for a in sys.argv[2:])
files = f"read_parquet('{folder}/*.parquet')"
columns = {name: kind for name, kind, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM {files}").fetchall() if name not in (LABEL, ID)}
# Time zones are of no interest: all is UTC, to the nanosecond.
select = ", ".join(f'epoch_ns("{name}")' if kind.startswith("TIMESTAMP") else f'"{name}"' for name, kind in columns.items())


def nanoseconds(text):
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    at = datetime.datetime.fromisoformat(seconds + "+00:00")
    return int(at.timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)


def flat(value, name=""):
    """Yields the fields of a document by their dotted names."""
    if isinstance(value, dict):
        for key, v in value.items():
            yield from flat(v, f"{name}.{key}" if name else key)
    else:
        yield NAMES.get(name, name), value[0] if isinstance(value, list) else value


def value(v, kind):
    if v is not None and kind.startswith("TIMESTAMP"):
        return nanoseconds(v)
    return None if v == 0 and v is not False else v  # an event does not tell a count of 0 from none


def sent(path):
    for line in open(path):
        fields = dict(flat(json.loads(line)))
        yield tuple(value(fields.get(n), kind) for n, kind in columns.items())


def show(counter):
    return [{n: v for n, v in zip(columns, row) if v is not None} for row in list(counter)[:2]]


stored = collections.defaultdict(collections.Counter)
for label, *row in duckdb.sql(f'SELECT "{LABEL}", {select} FROM {files}').fetchall():
    stored[label][tuple(row)] += 1
for label in sorted(stored.keys() | labels.keys()):
    want = collections.Counter(sent(labels[label])) if label in labels else collections.Counter()
    missing, more = want - stored[label], stored[label] - want
    print(json.dumps({
        "label": label, "events": stored[label].total(), "missing": missing.total(), "more": more.total(),
        "examples": {"missing": show(missing), "more": show(more)},
    }))
