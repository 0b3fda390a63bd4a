"""What a user would do with DuckDB instead: read a file and sum by group and minute.

usage: duckdb_scan.py zeek|ecs FILE
"""

import sys
import time

import duckdb

kind, path = sys.argv[1:]
db = duckdb.connect()
db.execute("SET threads = 2")
db.execute("SET preserve_insertion_order = false")
start = time.perf_counter()
if kind == "zeek":
    columns = (
        "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state "
        "local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
    ).split()
    types = {c: "VARCHAR" for c in columns} | {"ts": "DOUBLE", "orig_bytes": "BIGINT", "resp_bytes": "BIGINT"}
    query = f"""
        SELECT "id.orig_h", "id.resp_h", CAST(floor(ts / 60) AS BIGINT) AS minute,
               count(*), sum(orig_bytes), sum(resp_bytes)
        FROM read_csv('{path}', delim='\t', header=false, skip=8, nullstr='-', auto_detect=false, quote='', escape='', columns={types})
        GROUP BY ALL"""
else:
    types = (
        "{'@timestamp': 'TIMESTAMP', host: 'STRUCT(name VARCHAR)', process: 'STRUCT(name VARCHAR)', "
        "source: 'STRUCT(bytes BIGINT)', destination: 'STRUCT(bytes BIGINT)'}"
    )
    query = f"""
        SELECT host.name, process.name, epoch("@timestamp")::BIGINT // 60 AS minute,
               count(*), sum(source.bytes), sum(destination.bytes)
        FROM read_json('{path}', format='newline_delimited', columns={types})
        GROUP BY ALL"""
rows = db.execute(f"SELECT count(*), sum(n) FROM ({query}) t(a, b, m, n, s, d)").fetchone()
print(f"duckdb {duckdb.__version__}: {rows[1]} events in {rows[0]} rows, {time.perf_counter() - start:.2f} s")
