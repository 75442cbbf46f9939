package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
)

const followed = "default"

// printer prints whole lines from several goroutines.
type printer struct{ mutex sync.Mutex }

func (o *printer) say(format string, args ...any) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	fmt.Printf(format+"\n", args...)
}

// follow prints what two informers, one that streams and one that lists, and a retrying watch see of the ConfigMaps in
// namespace default whose label is followed=true, until the input ends.
func follow(ctx context.Context, config *rest.Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &printer{}
	selector := func(options *metav1.ListOptions) { options.LabelSelector = "followed=true" }
	client := kubernetes.NewForConfigOrDie(config)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithNamespace(followed), informers.WithTweakListOptions(selector))
	streaming := factory.Core().V1().ConfigMaps().Informer()
	listing := cache.NewSharedIndexInformer(listing(config, followed, selector), &corev1.ConfigMap{}, 0, cache.Indexers{})
	for name, informer := range map[string]cache.SharedIndexInformer{"stream": streaming, "list": listing} {
		if err := tell(out, name, informer); err != nil {
			return err
		}
		go informer.RunWithContext(ctx)
	}
	if !cache.WaitForCacheSync(ctx.Done(), streaming.HasSynced, listing.HasSynced) {
		return ctx.Err()
	}
	retrying, err := toolswatch.NewRetryWatcherWithContext(ctx, streaming.LastSyncResourceVersion(), mapsOf(client, selector))
	if err != nil {
		return err
	}
	go tellEnd(out, retrying)
	out.say("synced")
	bufio.NewScanner(os.Stdin).Scan()
	return nil
}

func tell(out *printer, name string, informer cache.SharedIndexInformer) error {
	show := func(what string, object any) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		found := object.(*corev1.ConfigMap)
		out.say("%s %s %s %s", name, what, found.Name, found.Data["i"])
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { show("added", object) },
		UpdateFunc: func(before, after any) {
			if before.(*corev1.ConfigMap).ResourceVersion != after.(*corev1.ConfigMap).ResourceVersion {
				show("updated", after)
			}
		},
		DeleteFunc: func(object any) { show("deleted", object) },
	})
	return err
}

func mapsOf(client kubernetes.Interface, selector func(*metav1.ListOptions)) cache.WatcherWithContext {
	return cache.ToWatcherWithContext(&cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			selector(&options)
			return client.CoreV1().ConfigMaps(followed).Watch(ctx, options)
		},
	})
}

// tellEnd prints the error by which a retrying watch ends: those of the connection it takes for passing.
func tellEnd(out *printer, retrying *toolswatch.RetryWatcher) {
	for event := range retrying.ResultChan() {
		if event.Type == watch.Error {
			err := apierrors.FromObject(event.Object)
			out.say("watch ended %v", apierrors.ReasonForError(err))
		}
	}
}
