package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	rmq "github.com/apache/rocketmq-clients/golang/v5"
)

// journal is what listeners were given, in order.
type journal struct {
	sync.Mutex
	bodies   []string
	attempts []int32
	times    []time.Time
}

func (j *journal) add(received *rmq.MessageView) int {
	j.Lock()
	defer j.Unlock()
	j.bodies = append(j.bodies, text(received))
	j.attempts = append(j.attempts, received.GetDeliveryAttempt())
	j.times = append(j.times, time.Now())
	return len(j.bodies)
}

func (j *journal) count() int {
	j.Lock()
	defer j.Unlock()
	return len(j.bodies)
}

// has says whether all of these were given.
func (j *journal) has(bodies map[string]bool) bool {
	j.Lock()
	defer j.Unlock()
	given := map[string]bool{}
	for _, body := range j.bodies {
		given[body] = true
	}
	for body := range bodies {
		if !given[body] {
			return false
		}
	}
	return true
}

// pushing are a push consumer and a producer of one topic.
func (b broker) pushing(name string, take func(*rmq.MessageView) bool) (rmq.Producer, func(), error) {
	consumer, err := b.push(name, name, take)
	if err != nil {
		return nil, nil, err
	}
	producer, err := b.producer(name)
	if err != nil {
		consumer.GracefulStop()
		return nil, nil, err
	}
	return producer, func() { producer.GracefulStop(); consumer.GracefulStop() }, nil
}

// push has two consumers of one group share what is sent.
func push(b broker, name string) (string, error) {
	const count = 200
	all := &journal{}
	var shares [2]atomic.Int32
	second, err := b.push(name, name, func(received *rmq.MessageView) bool { shares[1].Add(1); return all.add(received) > 0 })
	if err != nil {
		return "", err
	}
	stopped := make(chan struct{})
	producer, stop, err := b.pushing(name, func(received *rmq.MessageView) bool { shares[0].Add(1); return all.add(received) > 0 })
	if err != nil {
		return "", err
	}
	sent := map[string]bool{}
	for i := 0; i < count && err == nil; i++ {
		_, err = send(producer, message(name, strconv.Itoa(i)))
		sent[strconv.Itoa(i)] = true
	}
	err = first(err, within(20*time.Second, func() bool { return all.has(sent) }, "all are received"))
	time.Sleep(time.Second)
	closing := time.Now()
	go func() { second.GracefulStop(); close(stopped) }()
	stop()
	<-stopped
	remark := fmt.Sprintf("%d and %d messages, closed within %d ms", shares[0].Load(), shares[1].Load(), time.Since(closing).Milliseconds())
	return remark, first(err, equal(all.count(), count, "deliveries"))
}

// pushSlow has a listener that takes longer than a lease.
func pushSlow(b broker, name string) (string, error) {
	all := &journal{}
	var done atomic.Int32
	producer, stop, err := b.pushing(name, func(received *rmq.MessageView) bool {
		all.add(received)
		time.Sleep(70 * time.Second)
		return done.Add(1) > 0
	})
	if err != nil {
		return "", err
	}
	defer stop()
	_, err = send(producer, message(name, "m"))
	err = first(err, within(90*time.Second, func() bool { return done.Load() > 0 }, "the message is consumed"))
	time.Sleep(3 * time.Second)
	return "", first(err, equal(all.count(), 1, "deliveries"))
}

func pushRetry(b broker, name string) (string, error) {
	all := &journal{}
	producer, stop, err := b.pushing(name, func(received *rmq.MessageView) bool { return all.add(received) >= 3 })
	if err != nil {
		return "", err
	}
	defer stop()
	_, err = send(producer, message(name, "m"))
	err = first(err, within(60*time.Second, func() bool { return all.count() >= 3 }, "three attempts"))
	time.Sleep(2 * time.Second)
	if err := first(err, sameText(all.attempts, []int32{1, 2, 3}, "attempts")); err != nil {
		return "", err
	}
	took := all.times[1].Sub(all.times[0])
	if took < time.Second || took > time.Second+b.lateMax {
		return "", fmt.Errorf("the second attempt came after %v, not 1 s", took)
	}
	return fmt.Sprintf("second attempt after %v", took), nil
}

// receiveLetter reads the dead letter of a group by a group that comes after it. Servers may make its topic with the first letter.
func receiveLetter(b broker, name string) error {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		letters, err := b.consumer(name+"-dlq", "%DLQ%"+name, rmq.SUB_ALL)
		if err == nil {
			defer letters.GracefulStop()
			return receiveBody(letters, "bad", 20*time.Second)
		}
		if refused(err, "TOPIC_NOT_FOUND") != nil || time.Now().After(end) {
			return err
		}
	}
}

func pushDeadLetters(b broker, name string) (string, error) {
	all := &journal{}
	producer, stop, err := b.pushing(name, func(received *rmq.MessageView) bool { return all.add(received) == 0 })
	if err != nil {
		return "", err
	}
	defer stop()
	_, err = send(producer, message(name, "bad"))
	err = first(err, within(60*time.Second, func() bool { return all.count() == 2 }, "two attempts"))
	return "", first(err, receiveLetter(b, name), equal(all.count(), 2, "attempts"))
}

func pushFifo(b broker, name string) (string, error) {
	const groups, each = 3, 10
	var lock sync.Mutex
	consumed, count, failures := map[string]string{}, 0, 0
	producer, stop, err := b.pushing(name, func(received *rmq.MessageView) bool {
		lock.Lock()
		defer lock.Unlock()
		group := *received.GetMessageGroup()
		if group == "g0" && text(received) == "5" {
			failures++
			if failures == 1 {
				return false
			}
		}
		consumed[group] += text(received)
		count++
		return true
	})
	if err != nil {
		return "", err
	}
	defer stop()
	for i := 0; i < groups*each; i++ {
		if _, err := send(producer, inGroup(name, strconv.Itoa(i/groups), fmt.Sprintf("g%d", i%groups))); err != nil {
			return "", err
		}
	}
	all := func() bool { lock.Lock(); defer lock.Unlock(); return count >= groups*each }
	err = within(40*time.Second, all, "all are consumed")
	time.Sleep(time.Second)
	lock.Lock()
	defer lock.Unlock()
	expected := map[string]string{"g0": "0123456789", "g1": "0123456789", "g2": "0123456789"}
	return "", first(err, equal(failures, 2, "deliveries of the one that failed"), sameText(consumed, expected, "order"))
}

func pushFifoDeadLetters(b broker, name string) (string, error) {
	all := &journal{}
	producer, stop, err := b.pushing(name, func(received *rmq.MessageView) bool {
		all.add(received)
		return text(received) != "bad"
	})
	if err != nil {
		return "", err
	}
	defer stop()
	for _, body := range []string{"bad", "good"} {
		if _, err := send(producer, inGroup(name, body, "g")); err != nil {
			return "", err
		}
	}
	err = within(60*time.Second, func() bool { return all.has(map[string]bool{"good": true}) }, "the next of the group is consumed")
	return "", first(err, receiveLetter(b, name), sameText(all.bodies, []string{"bad", "bad", "good"}, "calls"))
}

// pushRestart prints "ready", is told on stdin when the server runs again, and must have received all that was acknowledged meanwhile.
func pushRestart(b broker, name string) (string, error) {
	received := &journal{}
	producer, stop, err := b.pushing(name, func(one *rmq.MessageView) bool { return received.add(one) > 0 })
	if err != nil {
		return "", err
	}
	defer stop()
	sent, refusals := map[string]bool{}, 0
	number := 0
	sendNext := func() error {
		body := strconv.Itoa(number)
		number++
		_, err := send(producer, message(name, body))
		if err == nil {
			sent[body] = true
		}
		return err
	}
	for i := 0; i < 20; i++ {
		if err := sendNext(); err != nil {
			return "", err
		}
	}
	if err := within(20*time.Second, func() bool { return received.has(sent) }, "the first are received"); err != nil {
		return "", err
	}
	fmt.Println("ready")
	var restarted atomic.Bool
	go func() {
		bufio.NewReader(os.Stdin).ReadString('\n')
		restarted.Store(true)
	}()
	after := 0
	for end := time.Now().Add(time.Minute); after < 20 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		counts := restarted.Load()
		if err := sendNext(); err != nil {
			refusals++
		} else if counts {
			after++
		}
	}
	start := time.Now()
	err = first(equal(after, 20, "sends after the restart"),
		within(time.Minute, func() bool { return received.has(sent) }, "all that was acknowledged is received"))
	return fmt.Sprintf("%d sent, %d refused meanwhile, the last received after %d ms", len(sent), refusals, time.Since(start).Milliseconds()), err
}
