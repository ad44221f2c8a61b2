"""What a case expects."""
import time


class Failed(Exception):
    pass


def now() -> float:
    """Seconds of a clock that only goes forward."""
    return time.monotonic()


def that(condition, what):
    if not condition:
        raise Failed(what)


def equal(actual, expected, what):
    if actual != expected:
        raise Failed(f"{what}: {actual!r}, not {expected!r}")


def late(took, due, late_max, what):
    """How much later than it was due something came."""
    ms = round((took - due) * 1000)
    that(ms <= late_max * 1000, f"{what} came {ms} ms after it was due")
    return f"{what} {ms} ms late"


class Lease:
    """A lease that was asked for, and answered: it began in between, and nobody knows when."""

    def __init__(self, asked_at, seconds):
        self.asked_at = asked_at
        self.answered_at = now()
        self.seconds = seconds

    def ended(self, late_max, what):
        """It has ended on time: now."""
        that(now() - self.asked_at >= self.seconds, f"{what} came {self.seconds - now() + self.asked_at:.3f} s before it was due")
        return late(now() - self.answered_at, self.seconds, late_max, what)


def within(seconds, condition, what):
    end = now() + seconds
    while not condition():
        if now() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def refused(call, text):
    """The call must fail, with an error that says this."""
    try:
        call()
    except Exception as error:
        that(text in str(error), f"refused without {text}: {error}")
        return
    raise Failed("was not refused")
