"""Publishes a quote and a fill, waits for a signal, asks for an order and finds the verdict.

usage: trading.py BOOTSTRAP REGISTRY PORTFOLIO ACCOUNT SYMBOL
"""

import sys
import uuid
from datetime import datetime, timezone
from decimal import Decimal

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

bootstrap, registry, portfolio, account, symbol = sys.argv[1:]
client = SchemaRegistryClient({"url": registry})
# The registry is read-only: the newest version of each schema is already there.
encode = AvroSerializer(client, conf={"auto.register.schemas": False, "use.latest.version": True})
decode = AvroDeserializer(client)
# The same partitioner as everywhere in Tapeline: records of a key stay in order.
producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True})


def publish(topic, key, record):
    now = datetime.now(timezone.utc)
    record = {"event_time": now, "ingest_time": now, "source": "trading.py"} | record
    value = encode(record, SerializationContext(topic, MessageField.VALUE))
    producer.produce(topic, key=key, value=value)
    if producer.flush(30):
        sys.exit(f"{topic}: not delivered within 30 s")


def from_now_on(topic):
    """A consumer of all that is committed to a topic from now on."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "trading.py", "isolation.level": "read_committed"}
    )
    partitions = consumer.list_topics(topic, 30).topics[topic].partitions
    ends = [(p, consumer.get_watermark_offsets(TopicPartition(topic, p), 30)[1]) for p in partitions]
    consumer.assign([TopicPartition(topic, p, end) for p, end in ends])
    return consumer


def first(consumer, wanted):
    for _ in range(60):
        message = consumer.poll(1)
        if message is not None and not message.error() and wanted(message):
            context = SerializationContext(message.topic(), MessageField.VALUE)
            return decode(message.value(), context)
    sys.exit("nothing came within a minute")


signals, verdicts = from_now_on("signals"), from_now_on("risk.verdicts")

# Every amount has 8 places: Decimal keeps what float would round.
publish("broker.accounts", portfolio, {
    "event_id": f"deposit-{account}", "portfolio": portfolio, "account": account,
    "kind": "DEPOSIT", "amount": Decimal("100000"), "currency": "USD",
})
publish("broker.fills", portfolio, {
    "kind": "FILL", "exec_id": f"E-{uuid.uuid4()}", "order_id": "O-1", "portfolio": portfolio,
    "account": account, "symbol": symbol, "side": "BUY", "price": Decimal("99.5"),
    "quantity": Decimal("10"), "fee": Decimal("0.35"), "currency": "USD",
})
for seq, bid in enumerate(["99.50", "101.00"]):
    publish("market.quotes", symbol, {
        "symbol": symbol, "venue": "mine", "seq": seq, "bid_price": Decimal(bid),
        "ask_price": Decimal(bid) + Decimal("0.02"), "bid_size": Decimal(100), "ask_size": Decimal(100),
    })

signal = first(signals, lambda message: message.key() == symbol.encode())
print("signal", signal["rule"], signal["direction"], signal["price"].normalize(), sep=" | ", flush=True)

request_id = str(uuid.uuid4())
publish("orders.requests", portfolio, {
    "request_id": request_id, "portfolio": portfolio, "account": account, "symbol": symbol,
    "side": "BUY", "quantity": Decimal("5"), "author": "me", "reason": "the signal",
    "signal_id": signal["signal_id"],
})
# The header says whom a verdict answers, so that only that one is decoded.
answer = ("tapeline-request-id", request_id.encode())
verdict = first(verdicts, lambda message: answer in (message.headers() or []))
print("verdict", verdict["outcome"], verdict["reason"], verdict["message"], sep=" | ", flush=True)
