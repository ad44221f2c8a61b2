"""Requests for random names would be answered 404 and show little more. Most of them are made for what is there."""

import itertools
import os
import re
import zlib

import requests
import schemathesis

URL = os.environ["SERVER_URL"] + "/v1"
NAME = re.compile(r"[A-Za-z0-9_-]+")
UNESCAPED = re.compile(r"[A-Za-z0-9_.-]+")
KEY = re.compile(r"[!-+\--~]{1,200}")
numbers = itertools.count()
# Path parameters of what is there.
there = {}


def make_what_is_there():
    """A topic for all kinds of messages, with one to receive and one that is due later; a group that dead-letters at once."""
    put("topics/orders", {"type": "MIXED", "perm": 6})
    put("groups/billing", {"maxAttempts": 1, "paused": False})
    put("groups/billing/subscriptions/orders", {"startFrom": "earliest"})
    send({"body": "hello"})
    due_later = send({"body": "hello", "delaySeconds": 3600})
    there.update(topic="orders", group="billing", recallHandle=due_later["recallHandle"])


def put(path, settings):
    requests.put(f"{URL}/{path}", json=settings, timeout=30).raise_for_status()


def send(message):
    answer = requests.post(f"{URL}/topics/orders/messages", json=message, timeout=30)
    answer.raise_for_status()
    return answer.json()


@schemathesis.hook
def before_call(context, case, kwargs):
    if not there:
        make_what_is_there()
    ask_for_what_is_there(case.path_parameters or {})
    # Another request under a key that was used before would be refused as such.
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key}-{next(numbers)}"
    # Waiting shows nothing new, and there are thousands of requests.
    for part in (case.query, case.body):
        if isinstance(part, dict) and part.get("waitSeconds") in range(1, 21):
            part["waitSeconds"] = 0


def ask_for_what_is_there(parameters):
    # What is changed here is validated anew, escaped as it is: escapes would be taken for wrong characters.
    if not all(UNESCAPED.fullmatch(str(value)) for value in parameters.values()):
        return
    for parameter in parameters.keys() & there.keys():
        given = str(parameters[parameter])
        # Wrong ones are to be refused, and a quarter of the others not found.
        if NAME.fullmatch(given) and zlib.crc32(given.encode()) % 4 != 0:
            parameters[parameter] = there[parameter]


@schemathesis.hook
def after_call(context, case, response):
    changes = case.method in ("PUT", "PATCH", "DELETE") or case.path.endswith("/pause")
    if changes and response.status_code < 300:
        make_what_is_there()
