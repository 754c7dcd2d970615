"""Does to topics what accidents do: the tests show that nothing goes on as if all were well.

usage: damage.py BOOTSTRAP remove-records|delete TOPIC
       damage.py BOOTSTRAP make TOPIC PARTITIONS
"""

import sys

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

WITHIN = 30


def done(futures):
    for future in futures.values():
        future.result(WITHIN)


def remove_records(admin, bootstrap, topic):
    """As retention does it: all that is there, in every partition."""
    # A compacted topic loses records when somebody gives it a retention.
    policy = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[policy])
    done(admin.incremental_alter_configs([resource]))
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "damage"})
    partitions = reader.list_topics(topic, WITHIN).topics[topic].partitions
    ends = [
        TopicPartition(topic, p, reader.get_watermark_offsets(TopicPartition(topic, p), WITHIN)[1])
        for p in partitions
    ]
    reader.close()
    done(admin.delete_records([end for end in ends if end.offset > 0], request_timeout=WITHIN))


def main(bootstrap, what, topic, count="0"):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if what == "remove-records":
        remove_records(admin, bootstrap, topic)
    elif what == "delete":
        done(admin.delete_topics([topic], operation_timeout=WITHIN))
    elif what == "make":
        done(admin.create_topics([NewTopic(topic, num_partitions=int(count))]))
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
