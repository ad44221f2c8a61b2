import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.apis.consumer.SimpleConsumer;
import org.apache.rocketmq.client.apis.producer.Producer;
import org.apache.rocketmq.client.apis.producer.Transaction;
import org.apache.rocketmq.client.apis.producer.TransactionResolution;

/** Half messages: their outcomes, and what is asked about those that have none. */
final class TransactionCases {
  private final Broker broker;

  TransactionCases(Broker broker) {
    this.broker = broker;
  }

  void addTo(Map<String, Clients.Case> cases) {
    cases.put("transaction", this::outcomes);
    cases.put("transaction-check", this::checks);
  }

  private String outcomes(String name) throws Exception {
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer = broker.producer(name, message -> TransactionResolution.UNKNOWN)) {
      Transaction rolledBack = producer.beginTransaction();
      producer.send(Broker.message(name, "rolled back").build(), rolledBack);
      Transaction committed = producer.beginTransaction();
      producer.send(Broker.message(name, "committed").build(), committed);
      Broker.receiveNothing(consumer, 2_000);
      rolledBack.rollback();
      committed.commit();
      Check.equal(Broker.body(Broker.receiveAll(consumer, 1, 10_000).get(0)), "committed", "body");
      Broker.receiveNothing(consumer, 2_000);
      return null;
    }
  }

  private String checks(String name) throws Exception {
    Set<String> checked = ConcurrentHashMap.newKeySet();
    long start = Check.now();
    try (SimpleConsumer consumer = broker.consumer(name, name);
        Producer producer =
            broker.producer(
                name,
                message -> {
                  checked.add(Broker.body(message));
                  return Broker.body(message).equals("committed")
                      ? TransactionResolution.COMMIT
                      : TransactionResolution.ROLLBACK;
                })) {
      producer.send(Broker.message(name, "rolled back").build(), producer.beginTransaction());
      producer.send(Broker.message(name, "committed").build(), producer.beginTransaction());
      Check.equal(Broker.body(Broker.receiveAll(consumer, 1, 60_000).get(0)), "committed", "body");
      long ms = Check.now() - start;
      Check.within(30_000, () -> checked.size() == 2, "both are asked about");
      Broker.receiveNothing(consumer, 2_000);
      return "asked and delivered after " + ms + " ms";
    }
  }
}
