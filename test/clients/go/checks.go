package main

import (
	"fmt"
	"strings"
	"time"
)

// span is a lease, or a delay, that was asked for, and answered: it began in between, and nobody knows when.
type span struct {
	askedAt, answeredAt time.Time
	length              time.Duration
}

func answered(askedAt time.Time, length time.Duration) span {
	return span{askedAt, time.Now(), length}
}

// ended says that it has ended on time: now.
func (s span) ended(lateMax time.Duration, what string) (string, error) {
	if early := s.length - time.Since(s.askedAt); early > 0 {
		return "", fmt.Errorf("%s came %v before it was due", what, early)
	}
	ms := (time.Since(s.answeredAt) - s.length).Milliseconds()
	if ms > lateMax.Milliseconds() {
		return "", fmt.Errorf("%s came %d ms after it was due", what, ms)
	}
	return fmt.Sprintf("%s %d ms late", what, ms), nil
}

func equal[T comparable](actual, expected T, what string) error {
	if actual != expected {
		return fmt.Errorf("%s: %v, not %v", what, actual, expected)
	}
	return nil
}

// sameText compares what has no operator for it.
func sameText(actual, expected any, what string) error {
	return equal(fmt.Sprint(actual), fmt.Sprint(expected), what)
}

// first is the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func within(limit time.Duration, condition func() bool, what string) error {
	end := time.Now().Add(limit)
	for !condition() {
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// refused wants an error that says this.
func refused(err error, text string) error {
	if err == nil {
		return fmt.Errorf("was not refused")
	}
	if !strings.Contains(err.Error(), text) {
		return fmt.Errorf("refused without %s: %w", text, err)
	}
	return nil
}
