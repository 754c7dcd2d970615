"""Prints alerts as they come: read from Kafka, decoded with the schema registry.

usage: alerts.py BOOTSTRAP REGISTRY COUNT
"""

import sys

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer  # decodes with fastavro
from confluent_kafka.serialization import MessageField, SerializationContext

bootstrap, registry, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
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
    alert = decode(message.value(), SerializationContext("alerts", MessageField.VALUE))
    print(alert["severity"], alert["subject"], alert["value"], alert["message"], sep=" | ", flush=True)
    count -= 1
consumer.close()
