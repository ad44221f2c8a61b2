import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.apis.consumer.SimpleConsumer;
import org.apache.rocketmq.client.apis.message.MessageView;
import org.apache.rocketmq.client.apis.producer.Producer;

/** The order of message groups, for a SimpleConsumer. */
final class OrderCases {
  private final Broker broker;
  private final long lateMsMax;

  OrderCases(Broker broker, long lateMsMax) {
    this.broker = broker;
    this.lateMsMax = lateMsMax;
  }

  void addTo(Map<String, Clients.Case> cases) {
    cases.put("fifo-order", this::order);
    cases.put("fifo-blocks", this::blocks);
  }

  private String order(String name) throws Exception {
    int groups = 3;
    int each = 10;
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      for (int i = 0; i < groups * each; i++) {
        producer.send(Broker.message(name, "" + i / groups).setMessageGroup("g" + i % groups).build());
      }
      Map<String, List<Integer>> received = new HashMap<>();
      int count = 0;
      long end = Check.now() + 30_000;
      while (count < groups * each && Check.now() < end) {
        for (MessageView message : consumer.receive(4, Broker.LEASE)) {
          consumer.ack(message);
          received.computeIfAbsent(message.getMessageGroup().orElse(""), group -> new ArrayList<>()).add(number(message));
          count += 1;
        }
      }
      Check.equal(count, groups * each, "messages");
      Check.equal(received.size(), groups, "message groups");
      for (List<Integer> numbers : received.values()) {
        for (int i = 0; i < each; i++) Check.equal(numbers.get(i), i, "order");
      }
      return null;
    }
  }

  private static int number(MessageView message) {
    return Integer.parseInt(Broker.body(message));
  }

  private String blocks(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name)) {
      for (int i = 0; i < 3; i++) producer.send(Broker.message(name, "" + i).setMessageGroup("g").build());
      long askedAt = Check.now();
      MessageView first = Broker.receiveOne(consumer, Broker.LEASE, 10_000);
      Check.Lease lease = new Check.Lease(askedAt, Broker.LEASE.toMillis());
      Check.equal(number(first), 0, "first");
      MessageView again = Broker.receiveOne(consumer, Broker.LEASE, 30_000);
      String remark = lease.ended(lateMsMax, "the blocked group");
      Check.equal(number(again), 0, "the one that blocks, again");
      Check.equal(again.getDeliveryAttempt(), 2, "attempt");
      consumer.ack(again);
      MessageView second = Broker.receiveOne(consumer, Broker.LEASE, 5_000);
      Check.equal(number(second), 1, "the one after it");
      consumer.ack(second);
      MessageView third = Broker.receiveOne(consumer, Broker.LEASE, 5_000);
      Check.equal(number(third), 2, "the last");
      consumer.ack(third);
      return remark;
    }
  }
}
