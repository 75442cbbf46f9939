package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
)

const streamed = "sendInitialEvents=true"

// informerChecks are about what keeps a copy of objects up to date.
func informerChecks(c *cluster) []check {
	with := func(run func(*probe, *cluster)) func(*probe) { return func(p *probe) { run(p, c) } }
	return []check{
		{"informers: a factory streams what is there, then changes, and resyncs", with(streamingInformer)},
		{"informers: a list and a watch do as well", with(listingReflector)},
		{"informers: dynamic ones and those of metadata", with(untypedInformers)},
		{"informers: waiting for a condition", with(waitForCondition)},
	}
}

func streamingInformer(p *probe, c *cluster) {
	ctx, cancel := context.WithCancel(p)
	defer cancel()
	config, noted := watched(c.account)
	for i := range 3 {
		_, err := c.maps().Create(p, configMap(fmt.Sprintf("informed-%d", i), nil, "informed"), metav1.CreateOptions{})
		p.must("creating", err)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(kubernetes.NewForConfigOrDie(config), time.Second,
		informers.WithNamespace(c.namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = "informed" }))
	maps := factory.Core().V1().ConfigMaps()
	var resynced, updated, deleted, initial atomic.Int32
	registration, err := maps.Informer().AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(_ any, isInInitialList bool) {
			if isInInitialList {
				initial.Add(1)
			}
		},
		UpdateFunc: func(before, after any) {
			if before.(*corev1.ConfigMap).ResourceVersion == after.(*corev1.ConfigMap).ResourceVersion {
				resynced.Add(1)
			} else {
				updated.Add(1)
			}
		},
		DeleteFunc: func(any) { deleted.Add(1) },
	})
	p.must("adding a handler", err)
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer cancel()
	p.that("it syncs", cache.WaitForCacheSync(ctx.Done(), registration.HasSynced), noted)
	p.equal("what was there", initial.Load(), int32(3))
	p.equal("streams", noted.count(streamed), 1)
	p.equal("lists", noted.count("configmaps?")-noted.count("watch=true"), 0)
	_, err = c.maps().Patch(p, "informed-0", types.MergePatchType, []byte(`{"data":{"a":"1"}}`), metav1.PatchOptions{})
	p.must("patching", err)
	p.must("deleting", c.maps().Delete(p, "informed-1", metav1.DeleteOptions{}))
	p.eventually("handlers are told", func() error {
		if updated.Load() == 1 && deleted.Load() == 1 && resynced.Load() > 0 {
			return nil
		}
		return not("an update, a deletion and a resync", []int32{updated.Load(), deleted.Load(), resynced.Load()})
	})
	left, err := maps.Lister().ConfigMaps(c.namespace).List(labels.Everything())
	p.must("listing from memory", err)
	p.equal("what is left", len(left), 2)
	found, err := maps.Lister().ConfigMaps(c.namespace).Get("informed-0")
	p.must("reading from memory", err)
	p.equal("the data", found.Data, map[string]string{"a": "1"})
}

func listingReflector(p *probe, c *cluster) {
	ctx, cancel := context.WithCancel(p)
	config, noted := watched(c.account)
	selector := func(options *metav1.ListOptions) { options.LabelSelector = "reflected" }
	for i := range 5 {
		_, err := c.maps().Create(p, configMap(fmt.Sprintf("reflected-%d", i), nil, "reflected"), metav1.CreateOptions{})
		p.must("creating", err)
	}
	store := cache.NewStore(cache.MetaNamespaceKeyFunc)
	reflector := cache.NewReflector(listing(config, c.namespace, selector), &corev1.ConfigMap{}, store, 0)
	done := make(chan struct{})
	go func() {
		reflector.RunWithContext(ctx)
		close(done)
	}()
	defer func() { cancel(); <-done }()
	count := func(want int) func() error {
		return func() error {
			if len(store.List()) == want {
				return nil
			}
			return not(fmt.Sprint(want), len(store.List()))
		}
	}
	p.eventually("everything is listed", count(5))
	p.equal("streams", noted.count(streamed), 0)
	p.equal("lists", noted.count("limit=500"), 1)
	_, err := c.maps().Create(p, configMap("reflected-5", nil, "reflected"), metav1.CreateOptions{})
	p.must("creating", err)
	p.eventually("a new one is seen", count(6))
}

// listing lists and watches ConfigMaps as clients did before initial events could be streamed.
func listing(config *rest.Config, namespace string, selector func(*metav1.ListOptions)) cache.ListerWatcher {
	client := kubernetes.NewForConfigOrDie(config).CoreV1().RESTClient()
	return unstreamed{cache.NewFilteredListWatchFromClient(client, "configmaps", namespace, selector)}
}

type unstreamed struct{ *cache.ListWatch }

// IsWatchListSemanticsUnSupported has reflectors list and watch.
func (unstreamed) IsWatchListSemanticsUnSupported() bool { return true }

func untypedInformers(p *probe, c *cluster) {
	ctx, cancel := context.WithCancel(p)
	defer cancel()
	_, err := c.sites().Create(p, site("untyped", "untyped"), metav1.CreateOptions{})
	p.must("creating", err)
	config, noted := watched(c.account)
	whole := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamic.NewForConfigOrDie(config), 0, c.namespace, nil)
	partial := metadatainformer.NewFilteredSharedInformerFactory(metadata.NewForConfigOrDie(config), 0, c.namespace, nil)
	sites := whole.ForResource(sitesResource)
	partialSites, partialMaps := partial.ForResource(sitesResource), partial.ForResource(mapsResource)
	synced := []cache.InformerSynced{sites.Informer().HasSynced, partialSites.Informer().HasSynced, partialMaps.Informer().HasSynced}
	whole.Start(ctx.Done())
	partial.Start(ctx.Done())
	defer func() { cancel(); whole.Shutdown(); partial.Shutdown() }()
	p.that("they sync", cache.WaitForCacheSync(ctx.Done(), synced...), noted)
	p.equal("streams", noted.count(streamed), 3)
	_, err = c.sites().Patch(p, "untyped", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}},"spec":{"title":"changed"}}`), metav1.PatchOptions{})
	p.must("patching", err)
	p.eventually("the whole is seen", func() error {
		found, err := sites.Lister().ByNamespace(c.namespace).Get("untyped")
		if err == nil && title(found.(*unstructured.Unstructured)) != "changed" {
			return not("changed", found)
		}
		return err
	})
	p.eventually("its metadata is seen", func() error {
		found, err := partialSites.Lister().ByNamespace(c.namespace).Get("untyped")
		if err == nil && found.(*metav1.PartialObjectMetadata).Labels["a"] != "b" {
			return not("a label", found)
		}
		return err
	})
	p.must("deleting", c.sites().Delete(p, "untyped", metav1.DeleteOptions{}))
}

func waitForCondition(p *probe, c *cluster) {
	ctx, cancel := context.WithTimeout(p, waitTimeout)
	defer cancel()
	client := kubernetes.NewForConfigOrDie(c.account).CoreV1().RESTClient()
	named := fields.OneTermEqualSelector("metadata.name", "awaited")
	source := cache.NewListWatchFromClient(client, "configmaps", c.namespace, named)
	go func() {
		_, _ = c.maps().Create(ctx, configMap("awaited", nil), metav1.CreateOptions{})
		_, _ = c.maps().Patch(ctx, "awaited", types.MergePatchType, []byte(`{"data":{"done":"yes"}}`), metav1.PatchOptions{})
	}()
	last, err := toolswatch.UntilWithSync(ctx, source, &corev1.ConfigMap{}, nil, func(event watch.Event) (bool, error) {
		found, ok := event.Object.(*corev1.ConfigMap)
		return ok && found.Data["done"] == "yes", nil
	})
	p.must("waiting", err)
	p.that("it is the object", last.Object.(*corev1.ConfigMap).Name == "awaited", last)
}
