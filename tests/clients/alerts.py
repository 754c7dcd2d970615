"""Prints alerts as they come: read from Kafka, decoded by the schema registry.

usage: alerts.py BOOTSTRAP REGISTRY COUNT
"""

import io
import json
import struct
import sys
import urllib.request

import fastavro
from confluent_kafka import Consumer

bootstrap, registry, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
schemas = {}


def schema(number):
    if number not in schemas:
        with urllib.request.urlopen(f"{registry}/schemas/ids/{number}") as answer:
            schemas[number] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
    return schemas[number]


def decode(value):
    _magic, number = struct.unpack(">bI", value[:5])
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), schema(number))


consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": "my-alerts",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
)
consumer.subscribe(["alerts"])
while count > 0:
    message = consumer.poll(60)
    if message is None:
        sys.exit("no alert within a minute")
    if message.error():
        sys.exit(str(message.error()))
    alert = decode(message.value())
    print(alert["severity"], alert["subject"], alert["value"], alert["message"], sep=" | ", flush=True)
    count -= 1
consumer.close()
