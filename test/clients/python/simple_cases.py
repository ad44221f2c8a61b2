"""Sends, and what a SimpleConsumer does."""
import time

from rocketmq import FilterExpression, TransactionChecker, TransactionResolution
from rocketmq.grpc_protocol import FilterType

import checks
from broker import LEASE, message, receive_all, receive_nothing, receive_one, text

BODY_BYTES_MAX = 4 * 1024 * 1024


def send_receive_ack(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        ids = []
        for i in range(10):
            made = message(name, f"grüße {i}", tag="t", keys=f"k{i}")
            made.add_property("n", str(i))
            ids.append(producer.send(made).message_id)
        for received in receive_all(consumer, 10, 15):
            n = received.properties["n"]
            checks.equal(text(received), f"grüße {n}", "body")
            checks.equal(received.topic, name, "topic")
            checks.equal(received.tag, "t", "tag")
            checks.equal(set(received.keys), {f"k{n}"}, "keys")
            checks.equal(received.message_id, ids[int(n)], "id")
            checks.equal(received.delivery_attempt, 1, "attempt")
            checks.that(not received.corrupted, "corrupted")
            checks.that(received.born_host, "born host")
        receive_nothing(consumer, 11)


def async_calls(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        sends = [producer.send_async(message(name, str(i))) for i in range(100)]
        for send in sends:
            send.result(20)
        bodies = set()
        end = checks.now() + 20
        while len(bodies) < 100 and checks.now() < end:
            received = consumer.receive_async(32, LEASE).result(20) or []
            for one in received:
                # `ack_async` of this client works in a thread with an event loop alone.
                consumer.ack(one)
                checks.that(text(one) not in bodies, f"received twice: {text(one)}")
                bodies.add(text(one))
        checks.equal(len(bodies), 100, "messages")


def redelivery(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        producer.send(message(name, "acked"))
        producer.send(message(name, "lost"))
        lease = None
        for _ in range(2):
            asked_at = checks.now()
            received = receive_one(consumer, LEASE, 10)
            checks.equal(received.delivery_attempt, 1, "attempt")
            if text(received) == "acked":
                consumer.ack(received)
            else:
                lease = checks.Lease(asked_at, LEASE)
        again = receive_one(consumer, LEASE, 30)
        remark = lease.ended(late_max, "second delivery")
        checks.equal(text(again), "lost", "body")
        checks.equal(again.delivery_attempt, 2, "attempt")
        consumer.ack(again)
        return remark


def changed_lease(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        producer.send(message(name, "m"))
        received = receive_one(consumer, 60, 10)
        remarks = []
        for attempt, seconds in [(2, 2), (3, 13)]:
            asked_at = checks.now()
            consumer.change_invisible_duration(received, seconds)
            lease = checks.Lease(asked_at, seconds)
            received = receive_one(consumer, LEASE, 30)
            remarks.append(lease.ended(late_max, f"after a change to {seconds} s"))
            checks.equal(received.delivery_attempt, attempt, "attempt")
        # The handle that a change gave acknowledges.
        consumer.change_invisible_duration(received, 3)
        consumer.ack(received)
        receive_nothing(consumer, 5 + late_max)
        return ", ".join(remarks)


def filtered(expression):
    def case(broker, name, late_max):
        with broker.consumer(name, name, expression) as consumer, broker.producer(name) as producer:
            for i, tag in enumerate("abc"):
                made = message(name, tag, tag=tag)
                made.add_property("n", str(i))
                made.add_property("part", "p")
                producer.send(made)
            checks.equal({text(received) for received in receive_all(consumer, 2, 10)}, {"a", "b"}, "bodies")
            receive_nothing(consumer, 3)

    return case


def delay(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        # The client takes whole seconds.
        due_at = int(time.time()) + 4
        producer.send(message(name, "later", delivery_timestamp=due_at))
        received = receive_one(consumer, LEASE, 30)
        checks.that(time.time() >= due_at, "came before it was due")
        remark = checks.late(time.time(), due_at, late_max, "message")
        consumer.ack(received)
        return remark


def recall(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        due_at = int(time.time()) + 5
        recalled = producer.send(message(name, "recalled", delivery_timestamp=due_at))
        producer.send(message(name, "kept", delivery_timestamp=due_at))
        checks.equal(producer.recall_message(name, recalled.recall_handle), recalled.message_id, "id")
        checks.equal(text(receive_all(consumer, 1, 20)[0]), "kept", "body")
        receive_nothing(consumer, 2)


def priority(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        for one in [0, 2, 1, 3, 0, 2, 1, 3]:
            producer.send(message(name, str(one), priority=one))
        received = []
        for _ in range(8):
            one = receive_one(consumer, LEASE, 10)
            consumer.ack(one)
            checks.equal(str(one.priority), text(one), "priority")
            received.append(one.priority)
        checks.equal(received, [3, 3, 2, 2, 1, 1, 0, 0], "priorities")


def large_bodies(broker, name, late_max):
    body = bytes(range(251)) * (BODY_BYTES_MAX // 251 + 1)
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        for _ in range(3):
            producer.send(message(name, body[:BODY_BYTES_MAX]))
        for received in receive_all(consumer, 3, 30):
            checks.that(received.body == body[:BODY_BYTES_MAX] and not received.corrupted, "another body")
        checks.refused(lambda: producer.send(message(name, body[: BODY_BYTES_MAX + 1])), "exceeds")


def unknown_topic(broker, name, late_max):
    with broker.producer(name) as producer:
        checks.refused(lambda: producer.send(message(f"{name}-unknown", "m")), "failed to fetch topic")


def wrong_key(broker, name, late_max):
    wrong = broker.with_key("wrong")
    # The client starts all the same, and says nothing of a key.
    with wrong.consumer(name, name) as consumer, wrong.producer(name) as producer:
        checks.refused(lambda: producer.send(message(name, "m")), "failed to fetch topic")
        checks.refused(lambda: consumer.receive(1, LEASE), "failed to fetch topic")


def fifo_order(broker, name, late_max):
    groups, each = 3, 10
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        for i in range(groups * each):
            producer.send(message(name, str(i // groups), message_group=f"g{i % groups}"))
        received = {}
        end = checks.now() + 30
        while sum(map(len, received.values())) < groups * each and checks.now() < end:
            for one in consumer.receive(4, LEASE) or []:
                consumer.ack(one)
                received.setdefault(one.message_group, []).append(int(text(one)))
        checks.equal(received, {f"g{g}": list(range(each)) for g in range(groups)}, "order")


def fifo_blocks(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name) as producer:
        for i in range(3):
            producer.send(message(name, str(i), message_group="g"))
        asked_at = checks.now()
        first = receive_one(consumer, LEASE, 10)
        lease = checks.Lease(asked_at, LEASE)
        checks.equal(text(first), "0", "first")
        again = receive_one(consumer, LEASE, 30)
        remark = lease.ended(late_max, "the blocked group")
        checks.equal(text(again), "0", "the one that blocks, again")
        checks.equal(again.delivery_attempt, 2, "attempt")
        consumer.ack(again)
        for body in ["1", "2"]:
            one = receive_one(consumer, LEASE, 5)
            checks.equal(text(one), body, "the one after it")
            consumer.ack(one)
        return remark


class Unsure(TransactionChecker):
    def check(self, asked):
        return TransactionResolution.TRANSACTION_RESOLUTION_UNSPECIFIED


class Checker(TransactionChecker):
    def __init__(self):
        self.checked = set()

    def check(self, asked):
        self.checked.add(text(asked))
        return TransactionResolution.COMMIT if text(asked) == "committed" else TransactionResolution.ROLLBACK


def transaction(broker, name, late_max):
    with broker.consumer(name, name) as consumer, broker.producer(name, Unsure()) as producer:
        rolled_back = producer.begin_transaction()
        producer.send(message(name, "rolled back"), rolled_back)
        committed = producer.begin_transaction()
        producer.send(message(name, "committed"), committed)
        receive_nothing(consumer, 2)
        rolled_back.rollback()
        committed.commit()
        checks.equal(text(receive_all(consumer, 1, 10)[0]), "committed", "body")
        receive_nothing(consumer, 2)


def transaction_check(broker, name, late_max):
    checker = Checker()
    start = checks.now()
    with broker.consumer(name, name) as consumer, broker.producer(name, checker) as producer:
        producer.send(message(name, "rolled back"), producer.begin_transaction())
        producer.send(message(name, "committed"), producer.begin_transaction())
        checks.equal(text(receive_all(consumer, 1, 60)[0]), "committed", "body")
        ms = round((checks.now() - start) * 1000)
        checks.within(30, lambda: len(checker.checked) == 2, "both are asked about")
        receive_nothing(consumer, 2)
        return f"asked and delivered after {ms} ms"


CASES = {
    "send-receive-ack": send_receive_ack,
    "async": async_calls,
    "redelivery": redelivery,
    "changed-lease": changed_lease,
    "tag-filter": filtered(FilterExpression("a || b")),
    "sql-filter": filtered(FilterExpression("n < 2 AND part = 'p'", FilterType.SQL)),
    "delay": delay,
    "recall": recall,
    "priority": priority,
    "large-bodies": large_bodies,
    "unknown-topic": unknown_topic,
    "wrong-key": wrong_key,
    "fifo-order": fifo_order,
    "fifo-blocks": fifo_blocks,
    "transaction": transaction,
    "transaction-check": transaction_check,
}
