package main

import (
	"context"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// operator is a running manager, and clients beside it.
type operator struct {
	*cluster
	manager manager.Manager
	// live asks the server, never the cache.
	live client.Client
	stop context.CancelFunc
	done chan error
}

// operatorChecks run an operator made with controller-runtime; each needs those before it.
func operatorChecks(c *cluster) []check {
	o := &operator{cluster: c}
	return []check{
		{"operator: a manager is elected and its caches sync", o.start},
		{"operator: a Site becomes ready, with what it owns", o.becomesReady},
		{"operator: what is changed or deleted by hand comes back", o.repairs},
		{"operator: a change of the spec is observed, a scale too", o.observes},
		{"operator: the cache is indexed, the server selects", o.selects},
		{"operator: all of a label are deleted at once", o.sweeps},
		{"operator: optimistic locks, patches and dry runs", o.locks},
		{"operator: status by apply and by update", o.statuses},
		{"operator: events tell what it did", o.tells},
		{"operator: a finalizer holds, then owners take along what they own", o.finalizes},
		{"operator: it lets go of its Lease", o.ends},
	}
}

func (o *operator) start(p *probe) {
	scheme, err := newScheme()
	p.must("making a scheme", err)
	o.live, err = client.New(o.account, client.Options{Scheme: scheme})
	p.must("making a client", err)
	lease, renew, again := 15*time.Second, 10*time.Second, time.Second
	o.manager, err = manager.New(o.account, manager.Options{
		Scheme:           scheme,
		Metrics:          metricsserver.Options{BindAddress: "0"},
		Cache:            cache.Options{DefaultNamespaces: map[string]cache.Config{o.namespace: {}}, DefaultTransform: cache.TransformStripManagedFields()},
		LeaderElection:   true,
		LeaderElectionID: "operator.example.com", LeaderElectionNamespace: o.namespace, LeaderElectionReleaseOnCancel: true,
		LeaseDuration: &lease, RenewDeadline: &renew, RetryPeriod: &again,
	})
	p.must("making a manager", err)
	// beyond the check that starts it
	ctx, cancel := context.WithCancel(context.Background())
	reconciler := &siteReconciler{Client: o.manager.GetClient(), recorder: o.manager.GetEventRecorder("site-operator")}
	p.must("setting up the controller", reconciler.setUp(ctx, o.manager))
	o.stop, o.done = cancel, make(chan error, 1)
	go func() { o.done <- o.manager.Start(ctx) }()
	select {
	case <-o.manager.Elected():
	case err := <-o.done:
		p.fail("the manager ended: %w", err)
	case <-time.After(waitTimeout):
		p.fail("it is not elected")
	}
	p.that("caches sync", o.manager.GetCache().WaitForCacheSync(p), "")
}

func (o *operator) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: o.namespace, Name: name}
}

// awaitReady waits until the status of a Site is about its generation.
func (o *operator) awaitReady(p *probe, name string) *Site {
	found := &Site{}
	p.eventually("the Site is ready", func() error {
		if err := o.live.Get(p, o.key(name), found); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(found.Status.Conditions, ready)
		if condition == nil || condition.Status != metav1.ConditionTrue || condition.ObservedGeneration != found.Generation {
			return not("Ready of this generation", found.Status)
		}
		return nil
	})
	return found
}

func (o *operator) becomesReady(p *probe) {
	made := &Site{ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: "shop"}, Spec: SiteSpec{Title: "Shop", Pages: map[string]string{"index": "hello"}}}
	p.must("creating", o.live.Create(p, made))
	found := o.awaitReady(p, "shop")
	p.equal("finalizers", found.Finalizers, []string{cleanup})
	p.equal("replicas", found.Status.Replicas, int32(1))
	p.equal("the generation observed", found.Status.ObservedGeneration, found.Generation)
	pages, key := &corev1.ConfigMap{}, &corev1.Secret{}
	p.must("reading the pages", o.live.Get(p, o.key("shop-pages"), pages))
	p.equal("the pages", pages.Data, map[string]string{"index": "hello"})
	p.that("they are owned", metav1.IsControlledBy(pages, found), pages.OwnerReferences)
	p.must("reading the key", o.live.Get(p, o.key("shop-key"), key))
	p.that("it is owned", metav1.IsControlledBy(key, found), key.OwnerReferences)
	p.equal("the key", string(key.Data["key"]), "Shop")
}

func (o *operator) repairs(p *probe) {
	pages := &corev1.ConfigMap{}
	p.must("reading", o.live.Get(p, o.key("shop-pages"), pages))
	changed := pages.DeepCopy()
	changed.Data["index"] = "defaced"
	p.must("changing", o.live.Patch(p, changed, client.StrategicMergeFrom(pages)))
	p.eventually("it is changed back", func() error {
		if err := o.live.Get(p, o.key("shop-pages"), pages); err != nil {
			return err
		}
		if pages.Data["index"] != "hello" {
			return not("hello", pages.Data)
		}
		return nil
	})
	for name, object := range map[string]client.Object{"shop-pages": &corev1.ConfigMap{}, "shop-key": &corev1.Secret{}} {
		p.must("reading", o.live.Get(p, o.key(name), object))
		was := object.GetUID()
		p.must("deleting", o.live.Delete(p, object, client.Preconditions{UID: &was}))
		p.eventually(name+" comes back", func() error {
			if err := o.live.Get(p, o.key(name), object); err != nil {
				return err
			}
			if object.GetUID() == was {
				return not("another", was)
			}
			return nil
		})
	}
}

func (o *operator) observes(p *probe) {
	found := o.awaitReady(p, "shop")
	since := meta.FindStatusCondition(found.Status.Conditions, ready).LastTransitionTime
	generation := found.Generation
	before := found.DeepCopyObject().(*Site)
	found.Spec.Pages = map[string]string{"index": "hello", "more": "text"}
	p.must("patching", o.live.Patch(p, found, client.MergeFrom(before)))
	p.equal("the generation", found.Generation, generation+1)
	found = o.awaitReady(p, "shop")
	condition := meta.FindStatusCondition(found.Status.Conditions, ready)
	p.equal("the message", condition.Message, "2 pages")
	p.that("it was ready all the time", condition.LastTransitionTime.Equal(&since), condition)
	three := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":3}}`))
	p.must("scaling", o.live.SubResource("scale").Patch(p, found, three, client.WithSubResourceBody(&autoscalingv1.Scale{})))
	found = o.awaitReady(p, "shop")
	p.equal("replicas", found.Status.Replicas, int32(3))
}

func (o *operator) selects(p *probe) {
	p.must("creating", o.live.Create(p, &Site{ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: "blog"}, Spec: SiteSpec{Title: "Blog"}}))
	o.awaitReady(p, "blog")
	cached := o.manager.GetClient()
	for name, reader := range map[string]client.Reader{"cache": cached, "server": o.manager.GetAPIReader()} {
		p.eventually("the "+name+" finds one by its title", func() error {
			list := &SiteList{}
			if err := reader.List(p, list, client.InNamespace(o.namespace), client.MatchingFields{titleIndex: "Blog"}); err != nil {
				return err
			}
			if len(list.Items) != 1 || list.Items[0].Name != "blog" {
				return not("blog", len(list.Items))
			}
			return nil
		})
	}
	seen := &metav1.PartialObjectMetadata{}
	seen.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	p.must("reading metadata from the cache", cached.Get(p, o.key("blog-key"), seen))
	p.equal("managers in the cache", len(seen.ManagedFields), 0)
}

func (o *operator) sweeps(p *probe) {
	for _, name := range []string{"swept-a", "swept-b"} {
		meta := metav1.ObjectMeta{Namespace: o.namespace, Name: name, Labels: map[string]string{"swept": "true"}}
		p.must("creating a ConfigMap", o.live.Create(p, &corev1.ConfigMap{ObjectMeta: meta}))
		p.must("creating a Site", o.live.Create(p, &Site{ObjectMeta: meta, Spec: SiteSpec{Title: "Swept"}}))
		o.awaitReady(p, name)
	}
	for _, kind := range []client.Object{&corev1.ConfigMap{}, &Site{}} {
		p.must("deleting all", o.live.DeleteAllOf(p, kind, client.InNamespace(o.namespace), client.MatchingLabels{"swept": "true"}))
	}
	for _, list := range []client.ObjectList{&corev1.ConfigMapList{}, &SiteList{}} {
		p.eventually("none is left", func() error {
			err := o.live.List(p, list, client.InNamespace(o.namespace), client.MatchingLabels{"swept": "true"})
			if err == nil && meta.LenList(list) > 0 {
				return not("none", meta.LenList(list))
			}
			return err
		})
	}
}

func (o *operator) locks(p *probe) {
	found := o.awaitReady(p, "shop")
	stale := found.DeepCopyObject().(*Site)
	before := found.DeepCopyObject().(*Site)
	found.Labels = map[string]string{"touched": "yes"}
	p.must("touching", o.live.Patch(p, found, client.MergeFrom(before)))
	old := stale.DeepCopyObject().(*Site)
	stale.Labels = map[string]string{"touched": "no"}
	err := o.live.Patch(p, stale, client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{}))
	p.refused("patching what is stale", err, apierrors.IsConflict)
	p.refused("replacing what is stale", o.live.Update(p, stale), apierrors.IsConflict)
	dry := client.NewDryRunClient(o.live)
	shown := found.DeepCopyObject().(*Site)
	shown.Spec.Title = ""
	p.refused("replacing for show with what is invalid", dry.Update(p, shown), apierrors.IsInvalid)
	shown.Spec.Title = "Other"
	p.must("replacing for show", dry.Update(p, shown))
	p.equal("the title", o.awaitReady(p, "shop").Spec.Title, "Shop")
	strict := client.WithFieldValidation(o.live, metav1.FieldValidationStrict)
	p.must("replacing strictly", strict.Update(p, o.awaitReady(p, "shop")))
}

func (o *operator) statuses(p *probe) {
	found := o.awaitReady(p, "blog")
	meta.SetStatusCondition(&found.Status.Conditions, metav1.Condition{Type: "Checked", Status: metav1.ConditionFalse, Reason: "Later"})
	p.must("replacing the status", o.live.Status().Update(p, found))
	applied := site("blog", "")
	delete(applied.Object, "spec")
	applied.SetNamespace(o.namespace)
	applied.Object["status"] = map[string]any{"conditions": []any{map[string]any{
		"type": "Seen", "status": "True", "reason": "Looked", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
	}}}
	p.must("applying to the status", o.live.Status().Apply(p, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("watchman")))
	found = o.awaitReady(p, "blog")
	names := map[string]bool{}
	for _, condition := range found.Status.Conditions {
		names[condition.Type] = true
	}
	p.equal("conditions", names, map[string]bool{ready: true, "Checked": true, "Seen": true})
}

func (o *operator) tells(p *probe) {
	p.eventually("an event is there", func() error {
		list, err := kubernetes.NewForConfigOrDie(o.account).EventsV1().Events(o.namespace).List(p, metav1.ListOptions{FieldSelector: "reason=PagesWritten"})
		if err != nil {
			return err
		}
		for _, event := range list.Items {
			if isAbout(event, "shop") {
				return nil
			}
		}
		return not("one about shop", len(list.Items))
	})
}

func isAbout(event eventsv1.Event, name string) bool {
	return event.Regarding.Kind == "Site" && event.Regarding.Name == name && event.ReportingController == "site-operator"
}

func (o *operator) finalizes(p *probe) {
	for _, name := range []string{"shop", "blog"} {
		found := o.awaitReady(p, name)
		p.must("deleting", o.live.Delete(p, found, client.PropagationPolicy(metav1.DeletePropagationBackground)))
		p.eventually(name+" is gone", func() error { return gone(o.live.Get(p, o.key(name), &Site{})) })
		p.must("reading what is left", o.live.Get(p, o.key(name+"-archive"), &corev1.ConfigMap{}))
		p.eventually("so are its pages", func() error { return gone(o.live.Get(p, o.key(name+"-pages"), &corev1.ConfigMap{})) })
		p.eventually("so is its key", func() error { return gone(o.live.Get(p, o.key(name+"-key"), &corev1.Secret{})) })
	}
}

func gone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return not("nothing", err)
}

func (o *operator) ends(p *probe) {
	o.stop()
	select {
	case err := <-o.done:
		p.must("ending", err)
	case <-time.After(waitTimeout):
		p.fail("it does not end")
	}
	lease := &coordinationv1.Lease{}
	p.must("reading the Lease", o.live.Get(p, o.key("operator.example.com"), lease))
	p.that("nobody holds it", lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "", lease.Spec)
}
