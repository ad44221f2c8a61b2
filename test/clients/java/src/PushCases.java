import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.apis.ClientException;
import org.apache.rocketmq.client.apis.consumer.ConsumeResult;
import org.apache.rocketmq.client.apis.consumer.PushConsumer;
import org.apache.rocketmq.client.apis.consumer.SimpleConsumer;
import org.apache.rocketmq.client.apis.producer.Producer;

/** What a PushConsumer does. */
final class PushCases {
  private final Broker broker;
  private final long lateMsMax;

  PushCases(Broker broker, long lateMsMax) {
    this.broker = broker;
    this.lateMsMax = lateMsMax;
  }

  void addTo(Map<String, Clients.Case> cases) {
    cases.put("push", this::push);
    cases.put("push-slow", this::slow);
    cases.put("push-retry", this::retry);
    cases.put("push-dead-letters", this::deadLetters);
    cases.put("push-fifo", this::fifo);
    cases.put("push-fifo-dead-letters", this::fifoDeadLetters);
    cases.put("push-restart", this::restart);
  }

  /** Two consumers of one group share what is sent. */
  private String push(String name) throws Exception {
    int count = 200;
    List<String> bodies = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger[] shares = {new AtomicInteger(), new AtomicInteger()};
    PushConsumer[] consumers = new PushConsumer[2];
    for (int i = 0; i < 2; i++) {
      AtomicInteger share = shares[i];
      consumers[i] =
          broker.push(
              name,
              name,
              message -> {
                share.incrementAndGet();
                bodies.add(Broker.body(message));
                return ConsumeResult.SUCCESS;
              });
    }
    try (Producer producer = broker.producer(name)) {
      for (int i = 0; i < count; i++) Broker.send(producer, name, "" + i);
      Check.within(20_000, () -> bodies.size() >= count, "all are received");
      Thread.sleep(1_000);
    } finally {
      for (PushConsumer consumer : consumers) if (consumer == consumers[1]) consumer.close();
    }
    long closeMs = Broker.close(consumers[0]);
    Check.equal(bodies.size(), count, "deliveries");
    Check.equal(Set.copyOf(bodies).size(), count, "messages");
    return shares[0] + " and " + shares[1] + " messages, closed within " + closeMs + " ms";
  }

  /** A listener that takes longer than a lease keeps its message. */
  private String slow(String name) throws Exception {
    AtomicInteger deliveries = new AtomicInteger();
    AtomicInteger done = new AtomicInteger();
    PushConsumer consumer =
        broker.push(
            name,
            name,
            message -> {
              deliveries.incrementAndGet();
              pause(70_000);
              done.incrementAndGet();
              return ConsumeResult.SUCCESS;
            });
    try (Producer producer = broker.producer(name)) {
      Broker.send(producer, name, "m");
      Check.within(90_000, () -> done.get() > 0, "the message is consumed");
      Thread.sleep(3_000);
      Check.equal(deliveries.get(), 1, "deliveries");
    } finally {
      consumer.close();
    }
    return null;
  }

  private static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  private String retry(String name) throws Exception {
    List<Integer> attempts = Collections.synchronizedList(new ArrayList<>());
    List<Long> times = Collections.synchronizedList(new ArrayList<>());
    PushConsumer consumer =
        broker.push(
            name,
            name,
            message -> {
              times.add(Check.now());
              attempts.add(message.getDeliveryAttempt());
              return attempts.size() < 3 ? ConsumeResult.FAILURE : ConsumeResult.SUCCESS;
            });
    try (Producer producer = broker.producer(name)) {
      Broker.send(producer, name, "m");
      Check.within(60_000, () -> attempts.size() == 3, "three attempts");
      Thread.sleep(2_000);
      Check.equal(List.copyOf(attempts), List.of(1, 2, 3), "attempts");
    } finally {
      consumer.close();
    }
    Check.that(times.get(1) - times.get(0) >= 1_000, "the second attempt came too soon");
    return Check.late(times.get(1) - times.get(0), 1_000, lateMsMax, "second attempt");
  }

  /** The dead letter of a group is read by a group that comes after it. Servers may make its topic with the first letter. */
  private void receiveLetter(String name) throws Exception {
    long end = Check.now() + 30_000;
    while (true) {
      try (SimpleConsumer letters = broker.consumer(name + "-dlq", "%DLQ%" + name)) {
        Check.equal(Broker.body(Broker.receiveAll(letters, 1, 20_000).get(0)), "bad", "body");
        return;
      } catch (Exception error) {
        if (!Check.messages(error).contains("40402") || Check.now() > end) throw error;
      }
      Thread.sleep(200);
    }
  }

  private String deadLetters(String name) throws Exception {
    AtomicInteger attempts = new AtomicInteger();
    PushConsumer consumer =
        broker.push(
            name,
            name,
            message -> {
              attempts.incrementAndGet();
              return ConsumeResult.FAILURE;
            });
    try (Producer producer = broker.producer(name)) {
      Broker.send(producer, name, "bad");
      Check.within(60_000, () -> attempts.get() == 2, "two attempts");
      receiveLetter(name);
      Check.equal(attempts.get(), 2, "attempts");
    } finally {
      consumer.close();
    }
    return null;
  }

  private String fifo(String name) throws Exception {
    int groups = 3;
    int each = 10;
    Map<String, List<Integer>> consumed = new ConcurrentHashMap<>();
    AtomicInteger failures = new AtomicInteger();
    AtomicInteger count = new AtomicInteger();
    PushConsumer consumer =
        broker.push(
            name,
            name,
            message -> {
              int number = Integer.parseInt(Broker.body(message));
              String group = message.getMessageGroup().orElse("");
              if (number == 5 && group.equals("g0") && failures.getAndIncrement() == 0) return ConsumeResult.FAILURE;
              consumed.computeIfAbsent(group, any -> Collections.synchronizedList(new ArrayList<>())).add(number);
              count.incrementAndGet();
              return ConsumeResult.SUCCESS;
            });
    try (Producer producer = broker.producer(name)) {
      for (int i = 0; i < groups * each; i++) {
        producer.send(Broker.message(name, "" + i / groups).setMessageGroup("g" + i % groups).build());
      }
      Check.within(40_000, () -> count.get() >= groups * each, "all are consumed");
      Thread.sleep(1_000);
      Check.equal(failures.get(), 2, "deliveries of the one that failed");
      Check.equal(consumed.size(), groups, "message groups");
      for (List<Integer> numbers : consumed.values()) {
        Check.equal(numbers.size(), each, "messages of a group");
        for (int i = 0; i < each; i++) Check.equal(numbers.get(i), i, "order");
      }
    } finally {
      consumer.close();
    }
    return null;
  }

  private String fifoDeadLetters(String name) throws Exception {
    ConcurrentLinkedQueue<String> calls = new ConcurrentLinkedQueue<>();
    PushConsumer consumer =
        broker.push(
            name,
            name,
            message -> {
              calls.add(Broker.body(message));
              return Broker.body(message).equals("bad") ? ConsumeResult.FAILURE : ConsumeResult.SUCCESS;
            });
    try (Producer producer = broker.producer(name)) {
      for (String body : new String[] {"bad", "good"}) {
        producer.send(Broker.message(name, body).setMessageGroup("g").build());
      }
      Check.within(60_000, () -> calls.contains("good"), "the next of the group is consumed");
      receiveLetter(name);
      Check.equal(List.copyOf(calls), List.of("bad", "bad", "good"), "calls");
    } finally {
      consumer.close();
    }
    return null;
  }

  /** Prints "ready", is told on stdin when the server runs again, and must have received all that was acknowledged meanwhile. */
  private String restart(String name) throws Exception {
    Set<String> received = ConcurrentHashMap.newKeySet();
    Set<String> sent = ConcurrentHashMap.newKeySet();
    int failed = 0;
    PushConsumer consumer =
        broker.push(
            name,
            name,
            message -> {
              received.add(Broker.body(message));
              return ConsumeResult.SUCCESS;
            });
    try (Producer producer = broker.producer(name)) {
      for (int i = 0; i < 20; i++) sent.add(sendNumber(producer, name, i));
      Check.within(20_000, () -> received.containsAll(sent), "the first are received");
      System.out.println("ready");
      int after = 0;
      long end = Check.now() + 60_000;
      for (int i = 20; after < 20 && Check.now() < end; i++) {
        boolean restarted = System.in.available() > 0;
        try {
          sent.add(sendNumber(producer, name, i));
          if (restarted) after += 1;
        } catch (Exception error) {
          // The client also lets errors of gRPC through as they are.
          failed += 1;
        }
        Thread.sleep(50);
      }
      Check.equal(after, 20, "sends after the restart");
      long start = Check.now();
      Check.within(60_000, () -> received.containsAll(sent), "all that was acknowledged is received");
      return sent.size() + " sent, " + failed + " refused meanwhile, the last received after " + (Check.now() - start) + " ms";
    } finally {
      consumer.close();
    }
  }

  private static String sendNumber(Producer producer, String name, int number) throws ClientException {
    Broker.send(producer, name, "" + number);
    return "" + number;
  }
}
