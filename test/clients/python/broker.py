"""What the cases say to the broker."""
from contextlib import contextmanager

from rocketmq import (ClientConfiguration, ConsumeResult, Credentials, FilterExpression, Message, MessageListener, Producer, PushConsumer,
                      SimpleConsumer)

import checks

# The shortest that servers take.
LEASE = 10
AWAIT = 5


class Listener(MessageListener):
    """Success is what `take` returns True or None for."""

    def __init__(self, take):
        self.take = take

    def consume(self, message):
        return ConsumeResult.FAILURE if self.take(message) is False else ConsumeResult.SUCCESS


@contextmanager
def running(client):
    client.startup()
    try:
        yield client
    finally:
        client.shutdown()


def message(topic, body, **fields):
    made = Message()
    made.topic = topic
    made.body = body if isinstance(body, bytes) else body.encode()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def text(received):
    return received.body.decode()


class Broker:
    def __init__(self, endpoints, access_key, secret_key):
        self.endpoints = endpoints
        self.access_key = access_key
        self.secret_key = secret_key

    def with_key(self, secret):
        return Broker(self.endpoints, self.access_key, secret)

    def configuration(self):
        return ClientConfiguration(self.endpoints, Credentials(self.access_key, self.secret_key))

    def producer(self, topic, checker=None):
        return running(Producer(self.configuration(), (topic,), checker=checker))

    def consumer(self, group, topic, expression=None):
        subscription = {topic: expression or FilterExpression()}
        return running(SimpleConsumer(self.configuration(), group, subscription, await_duration=AWAIT))

    def push(self, group, topic, take):
        return running(PushConsumer(self.configuration(), group, Listener(take), {topic: FilterExpression()}))


def receive_one(consumer, lease, seconds):
    end = checks.now() + seconds
    while checks.now() < end:
        for received in consumer.receive(1, lease) or []:
            return received
    raise checks.Failed(f"no message within {seconds} s")


def receive_all(consumer, count, seconds):
    """Receives and acknowledges that many messages."""
    messages = []
    end = checks.now() + seconds
    while len(messages) < count and checks.now() < end:
        for received in consumer.receive(32, LEASE) or []:
            consumer.ack(received)
            messages.append(received)
    checks.equal(len(messages), count, "messages")
    return messages


def receive_nothing(consumer, seconds):
    end = checks.now() + seconds
    while checks.now() < end:
        for received in consumer.receive(32, LEASE) or []:
            raise checks.Failed(f"received {text(received)}")
