"""What DuckDB reads in a file, and sums up by group and bucket.

usage: sums.py zeek|ecs FILE END

END is the end of a window of 360 buckets of 60 s, in seconds since 1970. Prints a JSON
document for each group: its two values, its non-empty buckets, the interval between the
first and the last, the bounds of the mean bytes per event (quantiles 0.1 and 0.8 of the
buckets where these are not 0), and in how many buckets they are not.
"""

import json
import sys

import duckdb

kind, path, end = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = duckdb.connect()
if kind == "zeek":
    columns = (
        "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state "
        "local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
    ).split()
    types = {c: "VARCHAR" for c in columns} | {"ts": "DOUBLE", "orig_bytes": "BIGINT", "resp_bytes": "BIGINT"}
    events = f"""
        SELECT "id.orig_h" AS a, "id.resp_h" AS b, floor(ts)::BIGINT AS second, orig_bytes AS sent, resp_bytes AS received
        FROM read_csv('{path}', delim='\t', header=false, comment='#', nullstr='-', auto_detect=false, quote='', escape='', columns={types})"""
else:
    types = (
        "{'@timestamp': 'TIMESTAMP', host: 'STRUCT(name VARCHAR)', process: 'STRUCT(name VARCHAR)', "
        "source: 'STRUCT(bytes BIGINT)', destination: 'STRUCT(bytes BIGINT)'}"
    )
    events = f"""
        SELECT host.name AS a, process.name AS b, floor(epoch("@timestamp"))::BIGINT AS second, source.bytes AS sent, destination.bytes AS received
        FROM read_json('{path}', format='newline_delimited', columns={types})"""


def bounds(means):
    """The elements at index min(floor(q*n + 0.5), n - 1) of a sorted list."""
    return [f"{means}[least(floor({q} * len({means}) + 0.5), len({means}) - 1)::BIGINT + 1]" for q in (0.1, 0.8)]


rows = db.execute(
    f"""
    WITH buckets AS (
        SELECT a, b, ({end} - second) // 60 AS bucket, count(*) AS n, sum(sent) / count(*) AS sent, sum(received) / count(*) AS received
        FROM ({events})
        WHERE second <= {end} AND second > {end} - 21600
        GROUP BY ALL
    ), groups AS (
        SELECT a, b, count(*) AS full_buckets, max(bucket) - min(bucket) + 1 AS width, sum(n) AS events,
            list(sent ORDER BY sent) FILTER (sent > 0) AS sent, list(received ORDER BY received) FILTER (received > 0) AS received
        FROM buckets GROUP BY ALL
    )
    SELECT a, b, full_buckets, width, events, [{", ".join(bounds("sent"))}], len(sent), [{", ".join(bounds("received"))}], len(received)
    FROM groups"""
).fetchall()
for a, b, full, width, n, sent, sent_buckets, received, received_buckets in rows:
    print(
        json.dumps(
            {
                "group": [a, b],
                "non_empty_buckets": int(full),
                "interval": int(width),
                "events": int(n),
                "source": {"bounds": sent, "buckets": sent_buckets or 0},
                "destination": {"bounds": received, "buckets": received_buckets or 0},
            }
        )
    )
