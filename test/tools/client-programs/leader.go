package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
)

// leaderChecks are about what a program with several replicas does beside its work.
func leaderChecks(c *cluster) []check {
	with := func(run func(*probe, *cluster)) func(*probe) { return func(p *probe) { run(p, c) } }
	return []check{
		{"leader election: the next one leads when the first lets go", with(elections)},
		{"events: recorded, counted and made into series", with(recordedEvents)},
	}
}

func elections(p *probe, c *cluster) {
	client := kubernetes.NewForConfigOrDie(c.account)
	leading := make(chan string, 2)
	stand := func(ctx context.Context, identity string) <-chan struct{} {
		done := make(chan struct{})
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: c.namespace, Name: "elected"},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		}
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: lock, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 200 * time.Millisecond,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leading <- identity },
				OnStoppedLeading: func() {},
			},
		})
		p.must("making an elector", err)
		go func() {
			elector.Run(ctx)
			close(done)
		}()
		return done
	}
	first, letGo := context.WithCancel(p)
	firstDone := stand(first, "first")
	p.equal("the leader", elected(p, leading), "first")
	second, cancel := context.WithCancel(p)
	secondDone := stand(second, "second")
	defer func() { cancel(); <-secondDone }()
	lease, err := client.CoordinationV1().Leases(c.namespace).Get(p, "elected", metav1.GetOptions{})
	p.must("reading the Lease", err)
	p.equal("its holder", *lease.Spec.HolderIdentity, "first")
	renewed := lease.Spec.RenewTime.Time
	p.eventually("it is renewed", func() error {
		lease, err := client.CoordinationV1().Leases(c.namespace).Get(p, "elected", metav1.GetOptions{})
		if err == nil && !lease.Spec.RenewTime.After(renewed) {
			return not("a later time", lease.Spec.RenewTime)
		}
		return err
	})
	letGo()
	<-firstDone
	p.equal("the leader", elected(p, leading), "second")
	lease, err = client.CoordinationV1().Leases(c.namespace).Get(p, "elected", metav1.GetOptions{})
	p.must("reading the Lease", err)
	p.equal("transitions", *lease.Spec.LeaseTransitions, int32(1))
}

func elected(p *probe, leading <-chan string) string {
	select {
	case identity := <-leading:
		return identity
	case <-time.After(waitTimeout):
		p.fail("nobody leads")
		return ""
	}
}

func recordedEvents(p *probe, c *cluster) {
	client := kubernetes.NewForConfigOrDie(c.account)
	about, err := c.maps().Create(p, configMap("eventful", nil), metav1.CreateOptions{})
	p.must("creating", err)
	old := record.NewBroadcaster(record.WithContext(p))
	defer old.Shutdown()
	old.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	oldRecorder := old.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "programs"})
	newer := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	defer newer.Shutdown()
	p.must("starting a broadcaster", newer.StartRecordingToSinkWithContext(p))
	newRecorder := newer.NewRecorder(scheme.Scheme, "programs.example.com/programs")
	happen := func() {
		oldRecorder.Event(about, corev1.EventTypeNormal, "Counted", "it happened")
		newRecorder.Eventf(about, nil, corev1.EventTypeWarning, "Serial", "Trying", "it happened %s", "too")
	}
	happen()
	of := func(reason string) (*corev1.Event, error) {
		found, err := client.CoreV1().Events(c.namespace).Search(scheme.Scheme, about)
		if err != nil {
			return nil, err
		}
		for i := range found.Items {
			if found.Items[i].Reason == reason {
				return &found.Items[i], nil
			}
		}
		return nil, not(reason, len(found.Items))
	}
	p.eventually("one is there", func() error {
		_, err := of("Serial")
		return err
	})
	// not before: a patch that overtakes what it patches is tried again after ten seconds only
	happen()
	happen()
	p.eventually("the older kind is counted", func() error {
		found, err := of("Counted")
		if err == nil && found.Count != 3 {
			return not("3", found.Count)
		}
		return err
	})
	p.eventually("the newer kind becomes a series", func() error {
		found, err := of("Serial")
		if err == nil && (found.Series == nil || found.Series.Count < 2) {
			return not("a series", found)
		}
		return err
	})
}
