import java.util.Objects;
import java.util.function.BooleanSupplier;

/** What a case expects. */
final class Check {
  private Check() {}

  static final class Failed extends RuntimeException {
    Failed(String message) {
      super(message);
    }
  }

  static long now() {
    return System.nanoTime() / 1_000_000;
  }

  static void that(boolean condition, String what) {
    if (!condition) throw new Failed(what);
  }

  static void equal(Object actual, Object expected, String what) {
    if (!Objects.equals(actual, expected)) throw new Failed(what + ": " + actual + ", not " + expected);
  }

  /** A lease that was asked for, and answered: it began in between, and nobody knows when. */
  static final class Lease {
    private final long askedAt;
    private final long answeredAt;
    private final long ms;

    Lease(long askedAt, long ms) {
      this.askedAt = askedAt;
      this.answeredAt = now();
      this.ms = ms;
    }

    /** It has ended on time: now. */
    String ended(long lateMsMax, String what) {
      that(now() - askedAt >= ms, what + " came " + (ms - (now() - askedAt)) + " ms before it was due");
      return late(now() - answeredAt, ms, lateMsMax, what);
    }
  }

  /** How much later than it was due something came. */
  static String late(long tookMs, long dueMs, long lateMsMax, String what) {
    long late = tookMs - dueMs;
    that(late <= lateMsMax, what + " came " + late + " ms after it was due");
    return what + " " + late + " ms late";
  }

  static void within(long ms, BooleanSupplier condition, String what) throws InterruptedException {
    long end = now() + ms;
    while (!condition.getAsBoolean()) {
      if (now() > end) throw new Failed("not within " + ms + " ms: " + what);
      Thread.sleep(10);
    }
  }

  /** Of an error and its causes. */
  static String messages(Throwable error) {
    StringBuilder text = new StringBuilder();
    for (Throwable cause = error; cause != null; cause = cause.getCause()) text.append(cause).append("; ");
    return text.toString();
  }

  interface Call {
    Object run() throws Exception;
  }

  /** The message of the error that the call must fail with. */
  static String refused(Call call, String code) {
    try {
      call.run();
    } catch (Exception error) {
      String message = messages(error);
      that(message.contains(code), "refused with another code than " + code + ": " + message);
      return code;
    }
    throw new Failed("was not refused");
  }
}
