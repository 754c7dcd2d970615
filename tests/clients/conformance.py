"""Does with clickhouse-connect what its users do, and stops at the first thing that is not so.

usage: conformance.py HOST PORT ROWS PASSWORD_FILE
"""

import pathlib
import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError, Error

host, port, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
total = rows * (rows - 1) // 2


# Where `tapeline up` keeps the password of the user `default`.
password_file = pathlib.Path(sys.argv[4])


def connect(user, **more):
    if user == "default":
        more = {"password": password_file.read_text().strip()} | more
    return clickhouse_connect.get_client(host=host, port=port, username=user, **more)


def refused(what, code, action):
    try:
        action()
    except DatabaseError as error:
        assert f"Code: {code}." in str(error) or f"code {code}" in str(error), (what, error)
        return
    sys.exit(f"{what} was not refused")


def reads(client):
    sql = "SELECT number, toString(number) AS text, toLowCardinality('x') AS low FROM numbers({n:UInt64})"
    whole = client.query(sql, parameters={"n": rows})
    assert whole.row_count == rows and whole.result_columns[0][-1] == rows - 1
    assert whole.column_names == ("number", "text", "low")
    seen = 0
    with client.query_row_block_stream(sql, parameters={"n": rows}) as stream:
        for block in stream:
            seen += sum(row[0] for row in block)
    assert seen == total, seen
    raw = client.raw_query(f"SELECT number FROM numbers({rows})", fmt="RowBinary")
    assert len(raw) == 8 * rows
    assert client.query("SELECT sum(number) FROM numbers(10)", query_formats={}).first_row == (45,)
    joined = client.query("SELECT {a:String} || {b:String}", parameters={"a": "it's ", "b": "\\"})
    assert joined.first_row == ("it's \\",), joined.first_row
    setting = client.query("SELECT getSetting('max_threads')", settings={"max_threads": 3})
    assert setting.first_row == (3,), setting.first_row
    assert client.query("SELECT number FROM numbers(0)").result_rows == []


def writes(client, table):
    client.command(f"CREATE OR REPLACE TABLE {table} (a UInt64, b Nullable(String), c Array(Float64), d LowCardinality(String)) ENGINE = MergeTree ORDER BY a")
    data = [[n, None if n % 3 else f"t{n}\n'", [n / 2], f"k{n % 7}"] for n in range(10_000)]
    summary = client.insert(table, data, column_names=["a", "b", "c", "d"])
    assert summary.written_rows == len(data), summary.written_rows
    back = client.query(f"SELECT * FROM {table} ORDER BY a").result_rows
    assert [list(row) for row in back] == data
    client.command(f"DROP TABLE {table}")


def fails(client):
    refused("an unknown table", 60, lambda: client.query("SELECT * FROM nowhere"))
    refused("bad syntax", 62, lambda: client.command("SELEC 1"))
    late = f"SELECT number, throwIf(number = {rows * 3}, 'too far') FROM numbers({rows * 5})"
    refused("an error in the middle", 395, lambda: client.query(late))

    def stream():
        with client.query_row_block_stream(late) as blocks:
            for _ in blocks:
                pass

    refused("an error in the middle of a stream", 395, stream)
    # The connection pool is fine afterwards.
    assert client.command("SELECT 1") == 1


for compress in (False, "lz4", "gzip"):
    client = connect("default", compress=compress)
    reads(client)
    writes(client, f"conformance_{compress}".lower())
    fails(client)
    client.close()

# The session is accepted and not kept: nothing is shared between requests.
session = connect("default", session_id="s1")
assert session.command("SELECT 1") == 1
session.close()

reader = connect("reader", autogenerate_session_id=False)
assert reader.command("SELECT 1 + 1") == 2
refused("a reader's table", 164, lambda: reader.command("CREATE TABLE r (a UInt8) ENGINE = Memory"))
refused("a reader's file", 497, lambda: reader.query("SELECT * FROM file('/etc/passwd', 'LineAsString')"))
try:
    connect("default", password="wrong")
    sys.exit("a wrong password was taken")
except Error:
    pass
try:
    connect("reader", password="wrong", database="nowhere")
    sys.exit("a database that is not there was found")
except Error:
    pass
print("conforms")
