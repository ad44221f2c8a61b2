import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.apis.ClientConfiguration;
import org.apache.rocketmq.client.apis.ClientException;
import org.apache.rocketmq.client.apis.ClientServiceProvider;
import org.apache.rocketmq.client.apis.StaticSessionCredentialsProvider;
import org.apache.rocketmq.client.apis.consumer.FilterExpression;
import org.apache.rocketmq.client.apis.consumer.MessageListener;
import org.apache.rocketmq.client.apis.consumer.PushConsumer;
import org.apache.rocketmq.client.apis.consumer.SimpleConsumer;
import org.apache.rocketmq.client.apis.message.MessageBuilder;
import org.apache.rocketmq.client.apis.message.MessageView;
import org.apache.rocketmq.client.apis.producer.Producer;
import org.apache.rocketmq.client.apis.producer.SendReceipt;
import org.apache.rocketmq.client.apis.producer.TransactionChecker;

/** What the cases say to the broker. */
final class Broker {
  static final ClientServiceProvider PROVIDER = ClientServiceProvider.loadService();
  /** The shortest that servers take. */
  static final Duration LEASE = Duration.ofSeconds(10);
  private static final Duration AWAIT = Duration.ofSeconds(5);

  private final String endpoints;
  private final String accessKey;
  private final String secretKey;

  Broker(String endpoints, String accessKey, String secretKey) {
    this.endpoints = endpoints;
    this.accessKey = accessKey;
    this.secretKey = secretKey;
  }

  Broker withKey(String secret) {
    return new Broker(endpoints, accessKey, secret);
  }

  private ClientConfiguration configuration(boolean tls) {
    return ClientConfiguration.newBuilder()
        .setEndpoints(endpoints)
        .setCredentialProvider(new StaticSessionCredentialsProvider(accessKey, secretKey))
        .enableSsl(tls)
        .build();
  }

  Producer producer(String topic) throws ClientException {
    return PROVIDER.newProducerBuilder().setClientConfiguration(configuration(false)).setTopics(topic).build();
  }

  Producer producerOverTls(String topic) throws ClientException {
    return PROVIDER.newProducerBuilder().setClientConfiguration(configuration(true)).setTopics(topic).build();
  }

  Producer producer(String topic, TransactionChecker checker) throws ClientException {
    return PROVIDER
        .newProducerBuilder()
        .setClientConfiguration(configuration(false))
        .setTopics(topic)
        .setTransactionChecker(checker)
        .build();
  }

  SimpleConsumer consumer(String group, String topic) throws ClientException {
    return consumer(group, topic, FilterExpression.SUB_ALL, false);
  }

  SimpleConsumer consumer(String group, String topic, FilterExpression filter, boolean tls) throws ClientException {
    return PROVIDER
        .newSimpleConsumerBuilder()
        .setClientConfiguration(configuration(tls))
        .setConsumerGroup(group)
        .setAwaitDuration(AWAIT)
        .setSubscriptionExpressions(Map.of(topic, filter))
        .build();
  }

  PushConsumer push(String group, String topic, MessageListener listener) throws ClientException {
    return PROVIDER
        .newPushConsumerBuilder()
        .setClientConfiguration(configuration(false))
        .setConsumerGroup(group)
        .setSubscriptionExpressions(Map.of(topic, FilterExpression.SUB_ALL))
        .setMessageListener(listener)
        .build();
  }

  static MessageBuilder message(String topic, String body) {
    return PROVIDER.newMessageBuilder().setTopic(topic).setBody(body.getBytes(StandardCharsets.UTF_8));
  }

  static SendReceipt send(Producer producer, String topic, String body) throws ClientException {
    return producer.send(message(topic, body).build());
  }

  static String body(MessageView message) {
    return StandardCharsets.UTF_8.decode(message.getBody().duplicate()).toString();
  }

  /** Receives until there is a message, which takes {@code ms} at most. */
  static MessageView receiveOne(SimpleConsumer consumer, Duration lease, long ms) throws ClientException {
    long end = Check.now() + ms;
    while (Check.now() < end) {
      for (MessageView message : consumer.receive(1, lease)) return message;
    }
    throw new Check.Failed("no message within " + ms + " ms");
  }

  /** Receives and acknowledges that many messages. */
  static List<MessageView> receiveAll(SimpleConsumer consumer, int count, long ms) throws ClientException {
    List<MessageView> messages = new ArrayList<>();
    long end = Check.now() + ms;
    while (messages.size() < count && Check.now() < end) {
      for (MessageView message : consumer.receive(32, LEASE)) {
        consumer.ack(message);
        messages.add(message);
      }
    }
    Check.equal(messages.size(), count, "messages");
    return messages;
  }

  static void receiveNothing(SimpleConsumer consumer, long ms) throws ClientException {
    long end = Check.now() + ms;
    while (Check.now() < end) {
      for (MessageView message : consumer.receive(32, LEASE)) throw new Check.Failed("received " + body(message));
    }
  }

  /** Milliseconds that it took. */
  static long close(PushConsumer consumer) throws IOException {
    long start = Check.now();
    consumer.close();
    return Check.now() - start;
  }
}
