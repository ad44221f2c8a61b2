// Does with a generated client what a first user does.
package main

import (
	"context"
	"fmt"
	"os"

	"apogee.example/scenario/apogee"
)

func main() {
	url, topic, group := os.Args[1], os.Args[2], os.Args[3]
	ctx := context.Background()
	client, err := apogee.NewClientWithResponses(url)
	must(err)

	one := int32(1)
	made, err := client.PutTopicWithResponse(ctx, topic, nil, apogee.TopicSettings{Queues: &one})
	must(err)
	want(made.JSON201 != nil && int(made.JSON201.Perm) == 6, made.Body)

	var backoff apogee.Backoff
	must(backoff.FromBackoffSteps([]int32{1, 2}))
	grouped, err := client.PutGroupWithResponse(ctx, group, nil, apogee.GroupSettings{Backoff: &backoff})
	must(err)
	want(grouped.JSON201 != nil, grouped.Body)
	three := int32(3)
	changed, err := client.PatchGroupWithResponse(ctx, group, nil, apogee.GroupPatch{MaxAttempts: &three})
	must(err)
	want(changed.JSON200 != nil && changed.JSON200.MaxAttempts == 3, changed.Body)

	var start apogee.StartFrom
	must(start.FromStartPosition(apogee.StartPositionEarliest))
	subscription, err := client.PutSubscriptionWithResponse(ctx, group, topic, nil, apogee.SubscriptionSettings{StartFrom: &start})
	must(err)
	want(subscription.JSON201 != nil, subscription.Body)

	tag := "greeting"
	sent, err := client.SendMessageWithResponse(ctx, topic, nil, apogee.Message{Body: "hello", Tag: &tag})
	must(err)
	want(sent.JSON201 != nil && *sent.JSON201.Offset == "0", sent.Body)

	two, five := int32(2), int32(5)
	received, err := client.ReceiveMessagesWithResponse(ctx, group, nil, apogee.ReceiveRequest{Max: &two, WaitSeconds: &five})
	must(err)
	want(received.JSON200 != nil && len(received.JSON200.Messages) == 1, received.Body)
	message := received.JSON200.Messages[0]
	want(message.Body == "hello" && *message.Tag == tag, received.Body)

	acked, err := client.AckMessagesWithResponse(ctx, group, nil, apogee.AckRequest{ReceiptHandles: []string{message.ReceiptHandle}})
	must(err)
	want(acked.JSON200 != nil && acked.JSON200.Results[0].Status == apogee.SettleStatusAcked, acked.Body)

	missing, err := client.GetTopicWithResponse(ctx, "nowhere")
	must(err)
	want(missing.ApplicationproblemJSON404 != nil && missing.ApplicationproblemJSON404.Code == "TOPIC_NOT_FOUND", missing.Body)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func want(holds bool, body []byte) {
	if !holds {
		panic(string(body))
	}
}
