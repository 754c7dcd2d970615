"""Prints what each portfolio is worth now, read with clickhouse-connect.

usage: store.py HOST PORT
"""

import sys

import clickhouse_connect

client = clickhouse_connect.get_client(
    host=sys.argv[1], port=int(sys.argv[2]), username="reader", database="tapeline"
)
rows = client.query(
    """
    SELECT portfolio, argMax(equity, event_time) AS worth, max(drawdown) AS worst, count() AS records
    FROM equity WHERE account IS NULL AND equity IS NOT NULL GROUP BY portfolio ORDER BY portfolio
    """
)
print(*rows.column_names, sep=" | ")
for row in rows.result_rows:
    print(*row, sep=" | ")
