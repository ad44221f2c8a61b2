// clients ENDPOINTS ACCESS_KEY SECRET_KEY PREFIX LATE_MS_MAX CASE…: runs the cases, and prints a line for each when it has ended:
// "case NAME ok|FAIL MILLISECONDS REMARK". A case has a topic and a group of its own, both called PREFIX-NAME.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	rmq "github.com/apache/rocketmq-clients/golang/v5"
)

const casesAtOnce = 8

var cases = map[string]func(broker, string) (string, error){
	"send-receive-ack":       sendReceiveAck,
	"async":                  async,
	"redelivery":             redelivery,
	"changed-lease":          changedLease,
	"tag-filter":             filtered(rmq.NewFilterExpression("a || b")),
	"sql-filter":             filtered(rmq.NewFilterExpressionWithType("n < 2 AND part = 'p'", rmq.SQL92)),
	"delay":                  delay,
	"recall":                 recall,
	"priority":               priority,
	"large-bodies":           largeBodies,
	"unknown-topic":          unknownTopic,
	"wrong-key":              wrongKey,
	"fifo-order":             fifoOrder,
	"fifo-blocks":            fifoBlocks,
	"transaction":            transaction,
	"transaction-check":      transactionCheck,
	"push":                   push,
	"push-slow":              pushSlow,
	"push-retry":             pushRetry,
	"push-dead-letters":      pushDeadLetters,
	"push-fifo":              pushFifo,
	"push-fifo-dead-letters": pushFifoDeadLetters,
	"push-restart":           pushRestart,
}

func run(name string, b broker, prefix string) {
	start := time.Now()
	result := "ok"
	remark, err := "", fmt.Errorf("there is no such case")
	if body := cases[name]; body != nil {
		remark, err = body(b, prefix+"-"+name)
	}
	if err != nil {
		result, remark = "FAIL", err.Error()
	}
	line := fmt.Sprintf("case %s %s %d %s", name, result, time.Since(start).Milliseconds(), remark)
	fmt.Println(strings.Join(strings.Fields(line), " "))
}

func main() {
	lateMs, err := strconv.Atoi(os.Args[5])
	if err != nil {
		panic(err)
	}
	b := broker{os.Args[1], os.Args[2], os.Args[3], time.Duration(lateMs) * time.Millisecond}
	slots := make(chan struct{}, casesAtOnce)
	var all sync.WaitGroup
	for _, name := range os.Args[6:] {
		slots <- struct{}{}
		all.Add(1)
		go func() {
			defer all.Done()
			run(name, b, os.Args[4])
			<-slots
		}()
	}
	all.Wait()
}
