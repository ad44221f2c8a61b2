package main

import (
	"context"
	"fmt"
	"time"

	rmq "github.com/apache/rocketmq-clients/golang/v5"
	"github.com/apache/rocketmq-clients/golang/v5/credentials"
)

// The shortest that servers take.
const lease = 10 * time.Second
const await = 5 * time.Second

var background = context.Background()

// broker is where the server is, and who calls. The client speaks TLS unless it is told not to.
type broker struct {
	endpoints, accessKey, secretKey string
	lateMax                         time.Duration
}

func (b broker) withKey(secret string) broker {
	b.secretKey = secret
	return b
}

func (b broker) config(group string) *rmq.Config {
	return &rmq.Config{
		Endpoint:      b.endpoints,
		ConsumerGroup: group,
		Credentials:   &credentials.SessionCredentials{AccessKey: b.accessKey, AccessSecret: b.secretKey},
	}
}

type client interface {
	Start() error
	GracefulStop() error
}

func start[C client](made C, err error) (C, error) {
	if err != nil {
		return made, err
	}
	return made, made.Start()
}

func (b broker) producer(topic string, options ...rmq.ProducerOption) (rmq.Producer, error) {
	return start(rmq.NewProducer(b.config(""), append(options, rmq.WithTopics(topic))...))
}

func (b broker) consumer(group, topic string, filter *rmq.FilterExpression) (rmq.SimpleConsumer, error) {
	return start(rmq.NewSimpleConsumer(b.config(group), rmq.WithSimpleAwaitDuration(await),
		rmq.WithSimpleSubscriptionExpressions(map[string]*rmq.FilterExpression{topic: filter})))
}

func (b broker) push(group, topic string, take func(*rmq.MessageView) bool) (rmq.PushConsumer, error) {
	listener := &rmq.FuncMessageListener{Consume: func(received *rmq.MessageView) rmq.ConsumerResult {
		if take(received) {
			return rmq.SUCCESS
		}
		return rmq.FAILURE
	}}
	return start(rmq.NewPushConsumer(b.config(group), rmq.WithPushMessageListener(listener),
		rmq.WithPushSubscriptionExpressions(map[string]*rmq.FilterExpression{topic: rmq.SUB_ALL})))
}

// clients are a consumer and a producer of one topic.
func (b broker) clients(name string, filter *rmq.FilterExpression, options ...rmq.ProducerOption) (rmq.SimpleConsumer, rmq.Producer, func(), error) {
	consumer, err := b.consumer(name, name, filter)
	if err != nil {
		return nil, nil, nil, err
	}
	producer, err := b.producer(name, options...)
	if err != nil {
		consumer.GracefulStop()
		return nil, nil, nil, err
	}
	return consumer, producer, func() { producer.GracefulStop(); consumer.GracefulStop() }, nil
}

func message(topic, body string) *rmq.Message {
	return &rmq.Message{Topic: topic, Body: []byte(body)}
}

func inGroup(topic, body, group string) *rmq.Message {
	made := message(topic, body)
	made.SetMessageGroup(group)
	return made
}

func send(producer rmq.Producer, made *rmq.Message) (*rmq.SendReceipt, error) {
	receipts, err := producer.Send(background, made)
	if err != nil {
		return nil, err
	}
	return receipts[0], nil
}

func text(received *rmq.MessageView) string {
	return string(received.GetBody())
}

// receive has no messages where the client has an error for that.
func receive(consumer rmq.SimpleConsumer, max int32, lease time.Duration) ([]*rmq.MessageView, error) {
	messages, err := consumer.Receive(background, max, lease)
	if status, ok := rmq.AsErrRpcStatus(err); ok && status.GetCode() == 40401 {
		return nil, nil
	}
	return messages, err
}

func receiveOne(consumer rmq.SimpleConsumer, lease, limit time.Duration) (*rmq.MessageView, error) {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		messages, err := receive(consumer, 1, lease)
		if err != nil || len(messages) > 0 {
			return append(messages, nil)[0], err
		}
	}
	return nil, fmt.Errorf("no message within %v", limit)
}

// receiveAll receives and acknowledges that many messages.
func receiveAll(consumer rmq.SimpleConsumer, count int, limit time.Duration) ([]*rmq.MessageView, error) {
	var all []*rmq.MessageView
	for end := time.Now().Add(limit); len(all) < count && time.Now().Before(end); {
		messages, err := receive(consumer, 32, lease)
		if err != nil {
			return nil, err
		}
		for _, received := range messages {
			if err := consumer.Ack(background, received); err != nil {
				return nil, err
			}
			all = append(all, received)
		}
	}
	return all, equal(len(all), count, "messages")
}

// receiveBody receives and acknowledges one message, which has this body.
func receiveBody(consumer rmq.SimpleConsumer, body string, limit time.Duration) error {
	messages, err := receiveAll(consumer, 1, limit)
	if err != nil {
		return err
	}
	return equal(text(messages[0]), body, "body")
}

func receiveNothing(consumer rmq.SimpleConsumer, limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		messages, err := receive(consumer, 32, lease)
		if err != nil {
			return err
		}
		for _, received := range messages {
			return fmt.Errorf("received %s", text(received))
		}
	}
	return nil
}
