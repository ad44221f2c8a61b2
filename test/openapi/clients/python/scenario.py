import sys

from apogee_client import AuthenticatedClient
from apogee_client.api.groups_and_subscriptions import patch_group, put_group, put_subscription
from apogee_client.api.receive_and_settle import ack_messages, receive_messages
from apogee_client.api.send import send_message
from apogee_client.api.topics import get_topic, put_topic
from apogee_client.models import (
    AckRequest,
    Group,
    GroupPatch,
    GroupSettings,
    Message,
    Problem,
    ReceiveReply,
    ReceiveRequest,
    SendReceipt,
    SettleReply,
    StartPosition,
    Subscription,
    SubscriptionSettings,
    Topic,
    TopicSettings,
)

base_url, topic, group = sys.argv[1:]
# A server without a key passes over what is sent as one.
client = AuthenticatedClient(base_url=base_url, token="no-key")

made = put_topic.sync(topic, client=client, body=TopicSettings(queues=1))
assert isinstance(made, Topic) and made.perm == 6, made
grouped = put_group.sync(group, client=client, body=GroupSettings(backoff=[1, 2]))
assert isinstance(grouped, Group) and grouped.backoff == [1, 2], grouped
changed = patch_group.sync(group, client=client, body=GroupPatch(max_attempts=3, lease_seconds=None))
assert isinstance(changed, Group) and (changed.max_attempts, changed.lease_seconds) == (3, 60), changed
subscription = put_subscription.sync(
    group, topic, client=client, body=SubscriptionSettings(start_from=StartPosition.EARLIEST)
)
assert isinstance(subscription, Subscription), subscription

sent = send_message.sync(topic, client=client, body=Message(body="hello", tag="greeting"))
assert isinstance(sent, SendReceipt) and sent.offset == "0", sent

received = receive_messages.sync(group, client=client, body=ReceiveRequest(max_=2, wait_seconds=5))
assert isinstance(received, ReceiveReply), received
assert [(message.body, message.tag) for message in received.messages] == [("hello", "greeting")], received
handles = [message.receipt_handle for message in received.messages]
acked = ack_messages.sync(group, client=client, body=AckRequest(receipt_handles=handles))
assert isinstance(acked, SettleReply) and [result.status for result in acked.results] == ["acked"], acked

missing = get_topic.sync("nowhere", client=client)
assert isinstance(missing, Problem) and missing.code == "TOPIC_NOT_FOUND", missing
