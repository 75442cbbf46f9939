package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"time"
)

// Limits of one check and of one thing it waits for.
const (
	checkTimeout = 60 * time.Second
	waitTimeout  = 30 * time.Second
	waitPause    = 20 * time.Millisecond
)

// check is one thing that programs rely on.
type check struct {
	name string
	run  func(*probe)
}

// probe is what a check works with: a context, and methods that end the check where something is not as expected.
type probe struct {
	context.Context
}

// failure is what ends a check.
type failure struct{ error }

// runChecks runs them in order and prints a line for each, and to stderr how long each took. The error says how many failed.
func runChecks(ctx context.Context, checks []check) error {
	failed := 0
	for _, one := range checks {
		start := time.Now()
		err := one.do(ctx)
		fmt.Fprintf(os.Stderr, "%4d ms %s\n", time.Since(start).Milliseconds(), one.name)
		if err != nil {
			failed++
			fmt.Printf("FAILED %s: %v\n", one.name, err)
			continue
		}
		fmt.Printf("ok %s\n", one.name)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(checks))
	}
	return nil
}

func (c check) do(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case failure:
			err = thrown.error
		default:
			err = fmt.Errorf("panic: %v", thrown)
		}
	}()
	c.run(&probe{ctx})
	return nil
}

func (p *probe) fail(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

// must ends the check unless err is nil.
func (p *probe) must(doing string, err error) {
	if err != nil {
		p.fail("%s: %w", doing, err)
	}
}

// refused ends the check unless err is of that kind, such as apierrors.IsConflict.
func (p *probe) refused(doing string, err error, kind func(error) bool) {
	if err == nil {
		p.fail("%s: was not refused", doing)
	}
	if !kind(err) {
		p.fail("%s: was refused otherwise: %w", doing, err)
	}
}

// equal ends the check unless both are deeply equal.
func (p *probe) equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		p.fail("%s is %#v, not %#v", what, got, want)
	}
}

// that ends the check unless it is so; got is said for people.
func (p *probe) that(what string, isSo bool, got any) {
	if !isSo {
		p.fail("%s: not so: %v", what, got)
	}
}

// eventually waits until fits says nil, and ends the check with its last word when that takes too long.
func (p *probe) eventually(what string, fits func() error) {
	limit := time.Now().Add(waitTimeout)
	for {
		err := fits()
		if err == nil {
			return
		}
		if time.Now().After(limit) || p.Err() != nil {
			p.fail("%s: %w", what, err)
		}
		time.Sleep(waitPause)
	}
}

// not says what is there in place of what is wanted; for eventually.
func not(want string, got any) error {
	return fmt.Errorf("want %s, there is %v", want, got)
}
