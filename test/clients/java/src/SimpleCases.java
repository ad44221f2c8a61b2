import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.apis.consumer.FilterExpression;
import org.apache.rocketmq.client.apis.consumer.FilterExpressionType;
import org.apache.rocketmq.client.apis.consumer.SimpleConsumer;
import org.apache.rocketmq.client.apis.message.MessageView;
import org.apache.rocketmq.client.apis.producer.Producer;
import org.apache.rocketmq.client.apis.producer.SendReceipt;

/** Sends, and what a SimpleConsumer does. */
final class SimpleCases {
  private static final int BODY_BYTES_MAX = 4 * 1024 * 1024;

  private final Broker broker;
  private final long lateMsMax;

  SimpleCases(Broker broker, long lateMsMax) {
    this.broker = broker;
    this.lateMsMax = lateMsMax;
  }

  void addTo(Map<String, Clients.Case> cases) {
    cases.put("send-receive-ack", this::sendReceiveAck);
    cases.put("tls", this::tls);
    cases.put("async", this::async);
    cases.put("redelivery", this::redelivery);
    cases.put("changed-lease", this::changedLease);
    cases.put("tag-filter", name -> filter(name, new FilterExpression("a || b")));
    cases.put("sql-filter", name -> filter(name, new FilterExpression("n < 2 AND part = 'p'", FilterExpressionType.SQL92)));
    cases.put("delay", this::delay);
    cases.put("recall", this::recall);
    cases.put("priority", this::priority);
    cases.put("large-bodies", this::largeBodies);
    cases.put("unknown-topic", this::unknownTopic);
    cases.put("wrong-key", this::wrongKey);
  }

  private String sendReceiveAck(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      List<String> ids = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        SendReceipt receipt =
            producer.send(
                Broker.message(name, "grüße " + i).setTag("t").setKeys("k" + i, "all").addProperty("n", "" + i).build());
        ids.add(receipt.getMessageId().toString());
      }
      List<MessageView> messages = Broker.receiveAll(consumer, 10, 15_000);
      for (MessageView message : messages) {
        String n = message.getProperties().get("n");
        Check.equal(Broker.body(message), "grüße " + n, "body");
        Check.equal(message.getTopic(), name, "topic");
        Check.equal(message.getTag().orElse(""), "t", "tag");
        Check.equal(new TreeSet<>(message.getKeys()), new TreeSet<>(Set.of("k" + n, "all")), "keys");
        Check.equal(message.getMessageId().toString(), ids.get(Integer.parseInt(n)), "id");
        Check.equal(message.getDeliveryAttempt(), 1, "attempt");
        Check.that(Math.abs(System.currentTimeMillis() - message.getBornTimestamp()) < 60_000, "born time");
        Check.that(!message.getBornHost().isEmpty(), "born host");
      }
      Broker.receiveNothing(consumer, 11_000);
      return null;
    }
  }

  private String tls(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name, FilterExpression.SUB_ALL, true);
        Producer producer = broker.producerOverTls(name)) {
      Broker.send(producer, name, "secret");
      Check.equal(Broker.body(Broker.receiveAll(consumer, 1, 10_000).get(0)), "secret", "body");
      return null;
    }
  }

  private String async(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      List<CompletableFuture<SendReceipt>> sends = new ArrayList<>();
      for (int i = 0; i < 100; i++) sends.add(producer.sendAsync(Broker.message(name, "" + i).build()));
      CompletableFuture.allOf(sends.toArray(new CompletableFuture[0])).get();
      Set<String> bodies = new TreeSet<>();
      long end = Check.now() + 20_000;
      while (bodies.size() < 100 && Check.now() < end) {
        List<MessageView> messages = consumer.receiveAsync(32, Broker.LEASE).get();
        List<CompletableFuture<Void>> acks = new ArrayList<>();
        for (MessageView message : messages) {
          Check.that(bodies.add(Broker.body(message)), "received twice: " + Broker.body(message));
          acks.add(consumer.ackAsync(message));
        }
        CompletableFuture.allOf(acks.toArray(new CompletableFuture[0])).get();
      }
      Check.equal(bodies.size(), 100, "messages");
      return null;
    }
  }

  private String redelivery(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      Broker.send(producer, name, "acked");
      Broker.send(producer, name, "lost");
      Check.Lease lease = null;
      for (int i = 0; i < 2; i++) {
        long askedAt = Check.now();
        MessageView message = Broker.receiveOne(consumer, Broker.LEASE, 10_000);
        Check.equal(message.getDeliveryAttempt(), 1, "attempt");
        if (Broker.body(message).equals("acked")) consumer.ack(message);
        else lease = new Check.Lease(askedAt, Broker.LEASE.toMillis());
      }
      MessageView again = Broker.receiveOne(consumer, Broker.LEASE, 30_000);
      String remark = lease.ended(lateMsMax, "second delivery");
      Check.equal(Broker.body(again), "lost", "body");
      Check.equal(again.getDeliveryAttempt(), 2, "attempt");
      consumer.ack(again);
      return remark;
    }
  }

  private String changedLease(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      Broker.send(producer, name, "m");
      MessageView message = Broker.receiveOne(consumer, Duration.ofSeconds(60), 10_000);
      String remarks = "";
      int attempt = 2;
      for (int seconds : new int[] {2, 13}) {
        long askedAt = Check.now();
        consumer.changeInvisibleDuration(message, Duration.ofSeconds(seconds));
        Check.Lease lease = new Check.Lease(askedAt, seconds * 1_000);
        message = Broker.receiveOne(consumer, Broker.LEASE, 30_000);
        remarks += lease.ended(lateMsMax, "after a change to " + seconds + " s") + " ";
        Check.equal(message.getDeliveryAttempt(), attempt++, "attempt");
      }
      // The handle that a change gave acknowledges.
      consumer.changeInvisibleDuration(message, Duration.ofSeconds(3));
      consumer.ack(message);
      Broker.receiveNothing(consumer, 5_000 + lateMsMax);
      return remarks;
    }
  }

  private String filter(String name, FilterExpression filter) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name, filter, false);
        Producer producer = broker.producer(name)) {
      String[] tags = {"a", "b", "c"};
      for (int i = 0; i < 3; i++) {
        producer.send(
            Broker.message(name, tags[i]).setTag(tags[i]).addProperty("n", "" + i).addProperty("part", "p").build());
      }
      Set<String> bodies = Broker.receiveAll(consumer, 2, 10_000).stream().map(Broker::body).collect(Collectors.toSet());
      Check.equal(bodies, Set.of("a", "b"), "bodies");
      Broker.receiveNothing(consumer, 3_000);
      return null;
    }
  }

  private String delay(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      long dueAt = System.currentTimeMillis() + 3_000;
      producer.send(Broker.message(name, "later").setDeliveryTimestamp(dueAt).build());
      MessageView message = Broker.receiveOne(consumer, Broker.LEASE, 30_000);
      Check.that(System.currentTimeMillis() >= dueAt, "came before it was due");
      String remark = Check.late(System.currentTimeMillis(), dueAt, lateMsMax, "message");
      Check.equal(message.getDeliveryTimestamp().orElse(0L), dueAt, "delivery time");
      consumer.ack(message);
      return remark;
    }
  }

  private String recall(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      long dueAt = System.currentTimeMillis() + 4_000;
      SendReceipt recalled = producer.send(Broker.message(name, "recalled").setDeliveryTimestamp(dueAt).build());
      producer.send(Broker.message(name, "kept").setDeliveryTimestamp(dueAt).build());
      String id = producer.recallMessage(name, recalled.getRecallHandle()).getMessageId().toString();
      Check.equal(id, recalled.getMessageId().toString(), "id");
      Check.equal(Broker.body(Broker.receiveAll(consumer, 1, 20_000).get(0)), "kept", "body");
      Broker.receiveNothing(consumer, 2_000);
      return null;
    }
  }

  private String priority(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      for (int priority : new int[] {0, 2, 1, 3, 0, 2, 1, 3}) {
        producer.send(Broker.message(name, "" + priority).setPriority(priority).build());
      }
      List<Integer> received = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        MessageView message = Broker.receiveOne(consumer, Broker.LEASE, 10_000);
        consumer.ack(message);
        Check.equal("" + message.getPriority().orElse(-1), Broker.body(message), "priority");
        received.add(message.getPriority().get());
      }
      Check.equal(received, List.of(3, 3, 2, 2, 1, 1, 0, 0), "priorities");
      return null;
    }
  }

  private String largeBodies(String name) throws Exception {
    byte[] body = new byte[BODY_BYTES_MAX];
    for (int i = 0; i < body.length; i++) body[i] = (byte) (i * 31 + i / 1_000);
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      for (int i = 0; i < 3; i++) producer.send(Broker.PROVIDER.newMessageBuilder().setTopic(name).setBody(body).build());
      for (MessageView message : Broker.receiveAll(consumer, 3, 30_000)) {
        Check.that(message.getBody().equals(ByteBuffer.wrap(body)), "another body");
      }
      byte[] larger = new byte[BODY_BYTES_MAX + 1];
      Check.refused(
          () -> producer.send(Broker.PROVIDER.newMessageBuilder().setTopic(name).setBody(larger).build()), "exceeds");
      return null;
    }
  }

  private String unknownTopic(String name) throws Exception {
    String topic = name + "-unknown";
    String code = Check.refused(() -> broker.producer(topic), "40402");
    try (Producer producer = broker.producer(name)) {
      Check.refused(() -> Broker.send(producer, topic, "m"), "40402");
    }
    return "code " + code;
  }

  private String wrongKey(String name) throws Exception {
    Check.refused(() -> broker.withKey("wrong").consumer(name, name), "40100");
    return "code " + Check.refused(() -> Broker.send(broker.withKey("wrong").producer(name), name, "m"), "40100");
  }
}
