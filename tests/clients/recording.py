"""Prints what is in a recording, and whether each record is what was exported.

usage: recording.py FILE
"""

import sys
from collections import Counter
from struct import pack
from zlib import crc32

import fastavro

KINDS = ["TASK", "SNAPSHOT", "JOURNAL", "INPUT", "END"]


def checksum(record):
    fields = pack(">Biq", KINDS.index(record["kind"]), record["partition"], record["offset"])
    for part in (record["topic"].encode(), record["key"], record["value"]):
        fields += pack(">Q", 2**64 - 1) if part is None else pack(">Q", len(part)) + part
    return crc32(fields)


counts = Counter()
with open(sys.argv[1], "rb") as file:
    reader = fastavro.reader(file)
    processor = reader.metadata["tapeline.processor"]
    for record in reader:
        counts[record["kind"]] += 1
        if checksum(record) != record["checksum"]:
            sys.exit(f"{record['topic']}[{record['partition']}] offset {record['offset']} is damaged")
print(processor, *(f"{kind} {counts[kind]}" for kind in KINDS), sep=" | ")
