import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * java Clients ENDPOINTS ACCESS_KEY SECRET_KEY PREFIX LATE_MS_MAX CASE…: runs the cases, and prints a line for each when it has ended:
 * "case NAME ok|FAIL MILLISECONDS REMARK". A case has a topic and a group of its own, both called PREFIX-NAME.
 */
final class Clients {
  private static final int CASES_AT_ONCE = 8;

  interface Case {
    /** A remark, or null. */
    String run(String name) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    Broker broker = new Broker(args[0], args[1], args[2]);
    String prefix = args[3];
    long lateMsMax = Long.parseLong(args[4]);
    Map<String, Case> cases = new LinkedHashMap<>();
    new SimpleCases(broker, lateMsMax).addTo(cases);
    new OrderCases(broker, lateMsMax).addTo(cases);
    new TransactionCases(broker).addTo(cases);
    new PushCases(broker, lateMsMax).addTo(cases);
    ExecutorService pool = Executors.newFixedThreadPool(CASES_AT_ONCE);
    for (int i = 5; i < args.length; i++) {
      String name = args[i];
      pool.submit(() -> print(name, cases.get(name), prefix + "-" + name));
    }
    pool.shutdown();
    pool.awaitTermination(1, TimeUnit.HOURS);
    // Clients leave threads behind.
    System.exit(0);
  }

  private static void print(String name, Case body, String topic) {
    long start = Check.now();
    String result = "ok";
    String remark;
    try {
      remark = body == null ? null : body.run(topic);
      if (body == null) throw new Check.Failed("there is no such case");
    } catch (Throwable error) {
      result = "FAIL";
      remark = error instanceof Check.Failed ? error.getMessage() : Check.messages(error);
      error.printStackTrace();
    }
    String line = String.format("case %s %s %d %s", name, result, Check.now() - start, remark == null ? "" : remark);
    System.out.println(line.replaceAll("\\s+", " ").trim());
  }
}
