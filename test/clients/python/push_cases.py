"""What a PushConsumer does."""
import sys
import threading
import time

import checks
from broker import message, receive_all, text


def push(broker, name, late_max):
    """Two consumers of one group share what is sent."""
    shares = [[], []]
    received = lambda: len(shares[0]) + len(shares[1])
    take = [lambda one, share=share: share.append(text(one)) for share in shares]
    with broker.push(name, name, take[0]), broker.push(name, name, take[1]), broker.producer(name) as producer:
        for i in range(200):
            producer.send(message(name, str(i)))
        checks.within(20, lambda: received() >= 200, "all are received")
        time.sleep(1)
        checks.equal(sorted(shares[0] + shares[1], key=int), [str(i) for i in range(200)], "messages")
    return f"{len(shares[0])} and {len(shares[1])} messages"


def slow(broker, name, late_max):
    """A listener that takes longer than a lease keeps its message."""
    taken, done = [], []

    def take(one):
        taken.append(one)
        time.sleep(70)
        done.append(one)

    with broker.push(name, name, take), broker.producer(name) as producer:
        producer.send(message(name, "m"))
        checks.within(90, lambda: done, "the message is consumed")
        time.sleep(3)
        checks.equal(len(taken), 1, "deliveries")


def retry(broker, name, late_max):
    calls = []

    def take(one):
        calls.append((checks.now(), one.delivery_attempt))
        return len(calls) >= 3

    with broker.push(name, name, take), broker.producer(name) as producer:
        producer.send(message(name, "m"))
        checks.within(60, lambda: len(calls) == 3, "three attempts")
        time.sleep(2)
        checks.equal([attempt for _, attempt in calls], [1, 2, 3], "attempts")
    checks.that(calls[1][0] - calls[0][0] >= 1, "the second attempt came too soon")
    return checks.late(calls[1][0] - calls[0][0], 1, late_max, "second attempt")


def receive_letter(broker, name):
    """The dead letter of a group is read by a group that comes after it. Servers may make its topic with the first letter."""
    end = checks.now() + 30
    while True:
        try:
            with broker.consumer(f"{name}-dlq", f"%DLQ%{name}") as letters:
                return checks.equal(text(receive_all(letters, 1, 20)[0]), "bad", "body")
        except Exception as error:
            if "failed to fetch topic" not in str(error) or checks.now() > end:
                raise
        time.sleep(0.2)


def dead_letters(broker, name, late_max):
    calls = []

    def take(one):
        calls.append(text(one))
        return False

    with broker.push(name, name, take), broker.producer(name) as producer:
        producer.send(message(name, "bad"))
        checks.within(60, lambda: len(calls) == 2, "two attempts")
        receive_letter(broker, name)
        checks.equal(len(calls), 2, "attempts")


def fifo(broker, name, late_max):
    groups, each = 3, 10
    consumed, failures = {}, []

    def take(one):
        if one.message_group == "g0" and text(one) == "5":
            failures.append(one)
            if len(failures) == 1:
                return False
        consumed.setdefault(one.message_group, []).append(int(text(one)))
        return True

    with broker.push(name, name, take), broker.producer(name) as producer:
        for i in range(groups * each):
            producer.send(message(name, str(i // groups), message_group=f"g{i % groups}"))
        checks.within(40, lambda: sum(map(len, consumed.values())) >= groups * each, "all are consumed")
        time.sleep(1)
        checks.equal(len(failures), 2, "deliveries of the one that failed")
        checks.equal(consumed, {f"g{g}": list(range(each)) for g in range(groups)}, "order")


def fifo_dead_letters(broker, name, late_max):
    calls = []

    def take(one):
        calls.append(text(one))
        return text(one) != "bad"

    with broker.push(name, name, take), broker.producer(name) as producer:
        producer.send(message(name, "bad", message_group="g"))
        producer.send(message(name, "good", message_group="g"))
        checks.within(60, lambda: "good" in calls, "the next of the group is consumed")
        receive_letter(broker, name)
        checks.equal(calls, ["bad", "bad", "good"], "calls")


def restart(broker, name, late_max):
    """Prints "ready", is told on stdin when the server runs again, and must have received all that was acknowledged meanwhile."""
    received, sent, refused = set(), set(), 0
    restarted = threading.Event()
    with broker.push(name, name, lambda one: received.add(text(one))), broker.producer(name) as producer:
        for i in range(20):
            producer.send(message(name, str(i)))
            sent.add(str(i))
        checks.within(20, lambda: sent <= received, "the first are received")
        print("ready", flush=True)
        threading.Thread(target=lambda: sys.stdin.readline() and restarted.set(), daemon=True).start()
        after, number, end = 0, 20, checks.now() + 60
        while after < 20 and checks.now() < end:
            counts = restarted.is_set()
            try:
                producer.send(message(name, str(number)))
                sent.add(str(number))
                after += counts
            except Exception:
                refused += 1
            number += 1
            time.sleep(0.05)
        checks.equal(after, 20, "sends after the restart")
        start = checks.now()
        checks.within(60, lambda: sent <= received, "all that was acknowledged is received")
        ms = round((checks.now() - start) * 1000)
        return f"{len(sent)} sent, {refused} refused meanwhile, the last received after {ms} ms"


CASES = {
    "push": push,
    "push-slow": slow,
    "push-retry": retry,
    "push-dead-letters": dead_letters,
    "push-fifo": fifo,
    "push-fifo-dead-letters": fifo_dead_letters,
    "push-restart": restart,
}
