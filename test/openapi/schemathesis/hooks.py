"""Long polls are shortened: waiting shows nothing new, and there are thousands of requests."""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    for part in (case.query, case.body):
        if isinstance(part, dict) and part.get("waitSeconds") in range(1, 21):
            part["waitSeconds"] = 0
