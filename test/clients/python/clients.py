"""clients.py ENDPOINTS ACCESS_KEY SECRET_KEY PREFIX LATE_MS_MAX CASE…: runs the cases, and prints a line for each when it has ended:
"case NAME ok|FAIL MILLISECONDS REMARK". A case has a topic and a group of its own, both called PREFIX-NAME."""
import os
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import checks
import push_cases
import simple_cases
from broker import Broker

CASES_AT_ONCE = 8
CASES = {**simple_cases.CASES, **push_cases.CASES}


def run(name, broker, prefix, late_max):
    start = checks.now()
    result = "ok"
    try:
        remark = CASES[name](broker, f"{prefix}-{name}", late_max)
    except Exception as error:
        result = "FAIL"
        remark = str(error) if isinstance(error, checks.Failed) else repr(error)
        traceback.print_exc()
    ms = round((checks.now() - start) * 1000)
    print(" ".join(f"case {name} {result} {ms} {remark or ''}".split()), flush=True)


def main():
    endpoints, access_key, secret_key, prefix, late_ms_max, *names = sys.argv[1:]
    broker = Broker(endpoints, access_key, secret_key)
    with ThreadPoolExecutor(CASES_AT_ONCE) as pool:
        for name in names:
            pool.submit(run, name, broker, prefix, int(late_ms_max) / 1000)
    sys.stdout.flush()
    # Clients leave threads behind.
    os._exit(0)


main()
