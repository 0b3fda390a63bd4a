"""Prints what a folder that `fresnel export` wrote holds of the events of the tests of
robustness, one JSON object for each host and batch: source.bytes is batch * 8192 + i, where
i counts the events of the batch."""

import json
import sys

import duckdb

rows = duckdb.sql(f"""
    SELECT "host.name", "source.bytes" // 8192, count(*), count(DISTINCT "source.bytes")
    FROM read_parquet('{sys.argv[1]}/*.parquet')
    WHERE "source.bytes" >= 8192
    GROUP BY ALL
""")
for host, number, count, distinct in rows.fetchall():
    print(json.dumps({"host": host, "batch": number, "count": count, "distinct": distinct}))
