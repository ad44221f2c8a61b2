import java.math.BigDecimal;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.GroupsAndSubscriptionsApi;
import org.openapitools.client.api.ReceiveAndSettleApi;
import org.openapitools.client.api.SendApi;
import org.openapitools.client.api.TopicsApi;
import org.openapitools.client.model.AckRequest;
import org.openapitools.client.model.Backoff;
import org.openapitools.client.model.ExponentialBackoff;
import org.openapitools.client.model.GroupPatch;
import org.openapitools.client.model.GroupSettings;
import org.openapitools.client.model.Message;
import org.openapitools.client.model.Perm;
import org.openapitools.client.model.ReceiveRequest;
import org.openapitools.client.model.ReceivedMessage;
import org.openapitools.client.model.SettleStatus;
import org.openapitools.client.model.StartFrom;
import org.openapitools.client.model.StartPosition;
import org.openapitools.client.model.SubscriptionSettings;
import org.openapitools.client.model.TopicSettings;

/** Does with a generated client what a first user does. */
public class Scenario {
  public static void main(String[] args) throws ApiException {
    String topic = args[1];
    String group = args[2];
    ApiClient client = new ApiClient().setBasePath(args[0]);
    TopicsApi topics = new TopicsApi(client);
    GroupsAndSubscriptionsApi groups = new GroupsAndSubscriptionsApi(client);
    ReceiveAndSettleApi consuming = new ReceiveAndSettleApi(client);

    want(topics.putTopic(topic, null, new TopicSettings().queues(1)).getPerm() == Perm.NUMBER_6, "perm");
    want(groups.putGroup(group, null, new GroupSettings()).getBackoff().getListInteger().get(0) == 10, "default backoff");
    // The generated writer of lists in unions fails; that of objects does not.
    Backoff backoff = new Backoff();
    backoff.setActualInstance(new ExponentialBackoff().initialSeconds(1).multiplier(BigDecimal.valueOf(2)).maxSeconds(60));
    want(groups.putGroup(group, null, new GroupSettings().backoff(backoff)).getBackoff().getActualInstance() instanceof ExponentialBackoff, "backoff");
    want(groups.patchGroup(group, new GroupPatch().maxAttempts(3), null).getMaxAttempts() == 3, "maxAttempts");
    StartFrom start = new StartFrom();
    start.setActualInstance(StartPosition.EARLIEST);
    groups.putSubscription(group, topic, null, new SubscriptionSettings().startFrom(start));

    want("0".equals(new SendApi(client).sendMessage(topic, new Message().body("hello").tag("greeting"), null).getOffset()), "offset");

    List<ReceivedMessage> received =
        consuming.receiveMessages(group, null, new ReceiveRequest().max(2).waitSeconds(5)).getMessages();
    want(received.size() == 1 && received.get(0).getBody().equals("hello") && received.get(0).getTag().equals("greeting"), "message");
    AckRequest acks = new AckRequest().addReceiptHandlesItem(received.get(0).getReceiptHandle());
    want(consuming.ackMessages(group, acks, null).getResults().get(0).getStatus() == SettleStatus.ACKED, "ack");

    try {
      topics.getTopic("nowhere");
      want(false, "missing topic");
    } catch (ApiException problem) {
      want(problem.getCode() == 404 && problem.getResponseBody().contains("TOPIC_NOT_FOUND"), "problem");
    }
  }

  private static void want(boolean holds, String what) {
    if (!holds) throw new IllegalStateException(what);
  }
}
