package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	rmq "github.com/apache/rocketmq-clients/golang/v5"
)

const bodyBytesMax = 4 * 1024 * 1024

func sendReceiveAck(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	ids := map[string]string{}
	for i := 0; i < 10; i++ {
		made := message(name, fmt.Sprintf("grüße %d", i))
		made.SetTag("t")
		made.SetKeys(fmt.Sprintf("k%d", i), "all")
		made.AddProperty("n", strconv.Itoa(i))
		receipt, err := send(producer, made)
		if err != nil {
			return "", err
		}
		ids[strconv.Itoa(i)] = receipt.MessageID
	}
	messages, err := receiveAll(consumer, 10, 15*time.Second)
	if err != nil {
		return "", err
	}
	for _, received := range messages {
		n := received.GetProperties()["n"]
		err := first(
			equal(text(received), "grüße "+n, "body"),
			equal(received.GetTopic(), name, "topic"),
			equal(*received.GetTag(), "t", "tag"),
			sameText(received.GetKeys(), []string{"k" + n, "all"}, "keys"),
			equal(received.GetMessageId(), ids[n], "id"),
			equal(received.GetDeliveryAttempt(), 1, "attempt"))
		if err != nil {
			return "", err
		}
	}
	return "", receiveNothing(consumer, 11*time.Second)
}

func async(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	results := make(chan error, 100)
	for i := 0; i < 100; i++ {
		producer.SendAsync(background, message(name, strconv.Itoa(i)),
			func(_ context.Context, _ []*rmq.SendReceipt, err error) { results <- err })
	}
	for i := 0; i < 100; i++ {
		if err := <-results; err != nil {
			return "", err
		}
	}
	messages, err := receiveAll(consumer, 100, 20*time.Second)
	if err != nil {
		return "", err
	}
	bodies := map[string]bool{}
	for _, received := range messages {
		bodies[text(received)] = true
	}
	return "", equal(len(bodies), 100, "different messages")
}

func redelivery(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	for _, body := range []string{"acked", "lost"} {
		if _, err := send(producer, message(name, body)); err != nil {
			return "", err
		}
	}
	var taken span
	for i := 0; i < 2; i++ {
		askedAt := time.Now()
		received, err := receiveOne(consumer, lease, 10*time.Second)
		if err != nil {
			return "", err
		}
		if err := equal(received.GetDeliveryAttempt(), 1, "attempt"); err != nil {
			return "", err
		}
		if text(received) == "lost" {
			taken = answered(askedAt, lease)
		} else if err := consumer.Ack(background, received); err != nil {
			return "", err
		}
	}
	again, err := receiveOne(consumer, lease, 30*time.Second)
	if err != nil {
		return "", err
	}
	remark, err := taken.ended(b.lateMax, "second delivery")
	return remark, first(err, equal(text(again), "lost", "body"), equal(again.GetDeliveryAttempt(), 2, "attempt"),
		consumer.Ack(background, again))
}

func changedLease(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	if _, err := send(producer, message(name, "m")); err != nil {
		return "", err
	}
	received, err := receiveOne(consumer, 60*time.Second, 10*time.Second)
	if err != nil {
		return "", err
	}
	remarks := ""
	for i, change := range []time.Duration{2 * time.Second, 13 * time.Second} {
		askedAt := time.Now()
		if err := consumer.ChangeInvisibleDuration(received, change); err != nil {
			return "", err
		}
		changed := answered(askedAt, change)
		if received, err = receiveOne(consumer, lease, 30*time.Second); err != nil {
			return "", err
		}
		remark, err := changed.ended(b.lateMax, fmt.Sprintf("after a change to %v", change))
		if err := first(err, equal(received.GetDeliveryAttempt(), int32(i)+2, "attempt")); err != nil {
			return "", err
		}
		remarks += remark + " "
	}
	// The handle that a change gave acknowledges.
	err = first(consumer.ChangeInvisibleDuration(received, 3*time.Second), consumer.Ack(background, received))
	return remarks, first(err, receiveNothing(consumer, 5*time.Second+b.lateMax))
}

func filtered(filter *rmq.FilterExpression) func(broker, string) (string, error) {
	return func(b broker, name string) (string, error) {
		consumer, producer, stop, err := b.clients(name, filter)
		if err != nil {
			return "", err
		}
		defer stop()
		for i, tag := range []string{"a", "b", "c"} {
			made := message(name, tag)
			made.SetTag(tag)
			made.AddProperty("n", strconv.Itoa(i))
			made.AddProperty("part", "p")
			if _, err := send(producer, made); err != nil {
				return "", err
			}
		}
		messages, err := receiveAll(consumer, 2, 10*time.Second)
		if err != nil {
			return "", err
		}
		bodies := map[string]bool{}
		for _, received := range messages {
			bodies[text(received)] = true
		}
		return "", first(sameText(bodies, map[string]bool{"a": true, "b": true}, "bodies"), receiveNothing(consumer, 3*time.Second))
	}
}

func delay(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	made := message(name, "later")
	delayed := answered(time.Now(), 3*time.Second)
	// The client sends whole milliseconds.
	made.SetDelayTimestamp(delayed.askedAt.Add(delayed.length + time.Millisecond))
	if _, err := send(producer, made); err != nil {
		return "", err
	}
	received, err := receiveOne(consumer, lease, 30*time.Second)
	if err != nil {
		return "", err
	}
	remark, err := delayed.ended(b.lateMax, "message")
	return remark, first(err, consumer.Ack(background, received))
}

func recall(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	var receipts []*rmq.SendReceipt
	for _, body := range []string{"recalled", "kept"} {
		made := message(name, body)
		made.SetDelayTimestamp(time.Now().Add(4 * time.Second))
		receipt, err := send(producer, made)
		if err != nil {
			return "", err
		}
		receipts = append(receipts, receipt)
	}
	id, err := producer.Recall(background, name, receipts[0].RecallHandle)
	return "", first(err, equal(id, receipts[0].MessageID, "id"),
		receiveBody(consumer, "kept", 20*time.Second), receiveNothing(consumer, 2*time.Second))
}

func priority(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	for _, one := range []int32{0, 2, 1, 3, 0, 2, 1, 3} {
		made := message(name, fmt.Sprint(one))
		if err := made.SetPriority(one); err != nil {
			return "", err
		}
		if _, err := send(producer, made); err != nil {
			return "", err
		}
	}
	var bodies []string
	for i := 0; i < 8; i++ {
		received, err := receiveOne(consumer, lease, 10*time.Second)
		if err != nil {
			return "", err
		}
		if err := consumer.Ack(background, received); err != nil {
			return "", err
		}
		bodies = append(bodies, text(received))
	}
	return "", sameText(bodies, []string{"3", "3", "2", "2", "1", "1", "0", "0"}, "priorities")
}

func largeBodies(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	body := make([]byte, bodyBytesMax+1)
	for i := range body {
		body[i] = byte(i*31 + i/1_000)
	}
	for i := 0; i < 3; i++ {
		if _, err := send(producer, &rmq.Message{Topic: name, Body: body[:bodyBytesMax]}); err != nil {
			return "", err
		}
	}
	messages, err := receiveAll(consumer, 3, 30*time.Second)
	if err != nil {
		return "", err
	}
	for _, received := range messages {
		if !bytes.Equal(received.GetBody(), body[:bodyBytesMax]) {
			return "", fmt.Errorf("another body")
		}
	}
	_, err = send(producer, &rmq.Message{Topic: name, Body: body})
	return "", refused(err, "exceeds")
}

func unknownTopic(b broker, name string) (string, error) {
	_, err := b.producer(name + "-unknown")
	return "", refused(err, "TOPIC_NOT_FOUND")
}

func wrongKey(b broker, name string) (string, error) {
	_, err := b.withKey("wrong").consumer(name, name, rmq.SUB_ALL)
	if err := refused(err, "UNAUTHORIZED"); err != nil {
		return "", err
	}
	_, err = b.withKey("wrong").producer(name)
	return "", refused(err, "UNAUTHORIZED")
}

func fifoOrder(b broker, name string) (string, error) {
	const groups, each = 3, 10
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	for i := 0; i < groups*each; i++ {
		if _, err := send(producer, inGroup(name, strconv.Itoa(i/groups), fmt.Sprintf("g%d", i%groups))); err != nil {
			return "", err
		}
	}
	messages, err := receiveAll(consumer, groups*each, 30*time.Second)
	if err != nil {
		return "", err
	}
	next := map[string]int{}
	for _, received := range messages {
		group := *received.GetMessageGroup()
		if err := equal(text(received), strconv.Itoa(next[group]), "order of "+group); err != nil {
			return "", err
		}
		next[group]++
	}
	return "", equal(len(next), groups, "message groups")
}

func fifoBlocks(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL)
	if err != nil {
		return "", err
	}
	defer stop()
	for i := 0; i < 3; i++ {
		if _, err := send(producer, inGroup(name, strconv.Itoa(i), "g")); err != nil {
			return "", err
		}
	}
	askedAt := time.Now()
	received, err := receiveOne(consumer, lease, 10*time.Second)
	if err != nil {
		return "", err
	}
	taken := answered(askedAt, lease)
	if err := equal(text(received), "0", "first"); err != nil {
		return "", err
	}
	again, err := receiveOne(consumer, lease, 30*time.Second)
	if err != nil {
		return "", err
	}
	remark, err := taken.ended(b.lateMax, "the blocked group")
	err = first(err, equal(text(again), "0", "the one that blocks, again"), equal(again.GetDeliveryAttempt(), 2, "attempt"),
		consumer.Ack(background, again))
	if err != nil {
		return "", err
	}
	rest, err := receiveAll(consumer, 2, 10*time.Second)
	if err != nil {
		return "", err
	}
	return remark, first(equal(text(rest[0]), "1", "the one after it"), equal(text(rest[1]), "2", "the last"))
}

// checker answers checks by the body, and keeps what it was asked about.
type checker struct {
	sync.Mutex
	asked map[string]bool
}

func unknown(*rmq.MessageView) rmq.TransactionResolution { return rmq.UNKNOWN }

func (c *checker) option() rmq.ProducerOption {
	return rmq.WithTransactionChecker(&rmq.TransactionChecker{Check: func(received *rmq.MessageView) rmq.TransactionResolution {
		c.Lock()
		defer c.Unlock()
		c.asked[text(received)] = true
		if text(received) == "committed" {
			return rmq.COMMIT
		}
		return rmq.ROLLBACK
	}})
}

func (c *checker) count() int {
	c.Lock()
	defer c.Unlock()
	return len(c.asked)
}

// sendHalves sends a message in each of two transactions.
func sendHalves(producer rmq.Producer, name string) (rolledBack, committed rmq.Transaction, err error) {
	rolledBack, committed = producer.BeginTransaction(), producer.BeginTransaction()
	if _, err = producer.SendWithTransaction(background, message(name, "rolled back"), rolledBack); err == nil {
		_, err = producer.SendWithTransaction(background, message(name, "committed"), committed)
	}
	return
}

func transaction(b broker, name string) (string, error) {
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL, rmq.WithTransactionChecker(&rmq.TransactionChecker{Check: unknown}))
	if err != nil {
		return "", err
	}
	defer stop()
	rolledBack, committed, err := sendHalves(producer, name)
	if err := first(err, receiveNothing(consumer, 2*time.Second)); err != nil {
		return "", err
	}
	return "", first(rolledBack.RollBack(), committed.Commit(),
		receiveBody(consumer, "committed", 10*time.Second), receiveNothing(consumer, 2*time.Second))
}

func transactionCheck(b broker, name string) (string, error) {
	checks := &checker{asked: map[string]bool{}}
	consumer, producer, stop, err := b.clients(name, rmq.SUB_ALL, checks.option())
	if err != nil {
		return "", err
	}
	defer stop()
	start := time.Now()
	_, _, err = sendHalves(producer, name)
	if err := first(err, receiveBody(consumer, "committed", 60*time.Second)); err != nil {
		return "", err
	}
	remark := fmt.Sprintf("asked and delivered after %d ms", time.Since(start).Milliseconds())
	return remark, first(within(30*time.Second, func() bool { return checks.count() == 2 }, "both are asked about"),
		receiveNothing(consumer, 2*time.Second))
}
