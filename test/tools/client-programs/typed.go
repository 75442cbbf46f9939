package main

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// typedChecks are about the generated clientset, which sends built-in kinds as protobuf.
func typedChecks(c *cluster) []check {
	with := func(run func(*probe, *cluster)) func(*probe) { return func(p *probe) { run(p, c) } }
	return []check{
		{"typed: objects are created, read, replaced and deleted", with(typedObjects)},
		{"typed: protobuf is sent, and asked for in every way", with(protobufClients)},
		{"typed: patches of each type", with(typedPatches)},
		{"typed: lists by selectors and in pages", with(typedLists)},
		{"typed: a long list arrives whole, compressed", with(longList)},
		{"typed: Secrets keep their bytes", with(typedSecrets)},
		{"typed: server-side apply with conflicts and extracts", with(typedApply)},
		{"typed: a watch from a revision on", with(typedWatch)},
		{"typed: namespaces end with what is in them", with(typedNamespaces)},
	}
}

func (c *cluster) maps() typedcorev1.ConfigMapInterface {
	return kubernetes.NewForConfigOrDie(c.account).CoreV1().ConfigMaps(c.namespace)
}

func configMap(name string, data map[string]string, labels ...string) *corev1.ConfigMap {
	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}, Data: data}
	for _, label := range labels {
		made.Labels[label] = "true"
	}
	return made
}

func typedObjects(p *probe, c *cluster) {
	maps := c.maps()
	made := configMap("", map[string]string{"a": "1"})
	made.GenerateName = "typed-"
	made.BinaryData = map[string][]byte{"raw": {0, 1, 255}}
	created, err := maps.Create(p, made, metav1.CreateOptions{})
	p.must("creating", err)
	p.that("a name was made", len(created.Name) == len("typed-")+5, created.Name)
	p.equal("bytes", created.BinaryData["raw"], []byte{0, 1, 255})
	_, err = maps.Create(p, configMap(created.Name, nil), metav1.CreateOptions{})
	p.refused("creating it again", err, apierrors.IsAlreadyExists)
	_, err = maps.Create(p, configMap("No Name", nil), metav1.CreateOptions{})
	p.refused("a bad name", err, apierrors.IsInvalid)
	stale := created.DeepCopy()
	created.Data["a"] = "2"
	_, err = maps.Update(p, created, metav1.UpdateOptions{})
	p.must("replacing", err)
	_, err = maps.Update(p, stale, metav1.UpdateOptions{})
	p.refused("replacing what is stale", err, apierrors.IsConflict)
	p.must("replacing with another try", retry.RetryOnConflict(retry.DefaultRetry, func() error {
		current, err := maps.Get(p, created.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		current.Data["b"] = "3"
		_, err = maps.Update(p, current, metav1.UpdateOptions{})
		return err
	}))
	found, err := maps.Get(p, created.Name, metav1.GetOptions{})
	p.must("reading", err)
	p.equal("the data", found.Data, map[string]string{"a": "2", "b": "3"})
	other := types.UID("00000000-0000-0000-0000-000000000000")
	err = maps.Delete(p, created.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}})
	p.refused("deleting another of that name", err, apierrors.IsConflict)
	p.must("deleting", maps.Delete(p, created.Name, *metav1.NewDeleteOptions(0)))
	_, err = maps.Get(p, created.Name, metav1.GetOptions{})
	p.refused("reading what is gone", err, apierrors.IsNotFound)
	_, err = maps.Create(p, configMap("dry", nil), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	p.must("creating for show", err)
	_, err = maps.Get(p, "dry", metav1.GetOptions{})
	p.refused("reading what was for show", err, apierrors.IsNotFound)
}

func protobufClients(p *probe, c *cluster) {
	// none: the default of the generated client; accepted: as controllers of Kubernetes are set up; sent: as old ones
	for name, set := range map[string][2]string{
		"none": {"", ""}, "accepted": {protobuf, protobuf + ",application/json"}, "sent": {protobuf, ""},
		"json": {"application/json", "application/json"},
	} {
		config, noted := watched(c.account)
		config.ContentType, config.AcceptContentTypes = set[0], set[1]
		maps := kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps(c.namespace)
		_, err := maps.Create(p, configMap("wire-"+name, map[string]string{"a": "ä"}), metav1.CreateOptions{})
		p.must(name+": creating", err)
		found, err := maps.Get(p, "wire-"+name, metav1.GetOptions{})
		p.must(name+": reading", err)
		p.equal(name+": the data", found.Data, map[string]string{"a": "ä"})
		_, err = maps.Get(p, "wire-none-of-that-name", metav1.GetOptions{})
		p.refused(name+": reading what is not there", err, apierrors.IsNotFound)
		p.must(name+": deleting", maps.Delete(p, "wire-"+name, metav1.DeleteOptions{}))
		want := 2
		if name == "json" {
			want = 0
		}
		p.equal(name+": requests in protobuf", noted.count(protobuf), want)
	}
}

func typedPatches(p *probe, c *cluster) {
	maps := c.maps()
	_, err := maps.Create(p, configMap("patched", map[string]string{"a": "1"}), metav1.CreateOptions{})
	p.must("creating", err)
	for _, patch := range []struct {
		kind types.PatchType
		text string
	}{
		{types.MergePatchType, `{"data":{"a":null,"b":"2"}}`},
		{types.StrategicMergePatchType, `{"data":{"c":"3"},"metadata":{"finalizers":["example.com/hold"]}}`},
		{types.StrategicMergePatchType, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/hold"]}}`},
		{types.JSONPatchType, `[{"op":"test","path":"/data/b","value":"2"},{"op":"add","path":"/data/d","value":"4"}]`},
	} {
		_, err = maps.Patch(p, "patched", patch.kind, []byte(patch.text), metav1.PatchOptions{FieldManager: "patcher"})
		p.must(string(patch.kind), err)
	}
	found, err := maps.Get(p, "patched", metav1.GetOptions{})
	p.must("reading", err)
	p.equal("the data", found.Data, map[string]string{"b": "2", "c": "3", "d": "4"})
	p.equal("finalizers", len(found.Finalizers), 0)
	_, err = maps.Patch(p, "patched", types.JSONPatchType, []byte(`[{"op":"test","path":"/data/b","value":"x"}]`), metav1.PatchOptions{})
	p.refused("a test that fails", err, apierrors.IsInvalid)
}

func typedLists(p *probe, c *cluster) {
	maps := c.maps()
	for i := range 5 {
		_, err := maps.Create(p, configMap(fmt.Sprintf("listed-%d", i), nil, "listed"), metav1.CreateOptions{})
		p.must("creating", err)
	}
	one, err := maps.List(p, metav1.ListOptions{LabelSelector: "listed=true", FieldSelector: "metadata.name=listed-3"})
	p.must("listing by selectors", err)
	p.equal("how many", len(one.Items), 1)
	pages := 0
	lister := pager.New(pager.SimplePageFunc(func(options metav1.ListOptions) (runtime.Object, error) {
		pages++
		return maps.List(p, options)
	}))
	lister.PageSize = 2
	names := []string{}
	p.must("listing in pages", lister.EachListItem(p, metav1.ListOptions{LabelSelector: "listed"}, func(item runtime.Object) error {
		names = append(names, item.(*corev1.ConfigMap).Name)
		return nil
	}))
	p.equal("the names", names, []string{"listed-0", "listed-1", "listed-2", "listed-3", "listed-4"})
	p.equal("the pages", pages, 3)
	p.must("deleting them all", maps.DeleteCollection(p, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "listed"}))
	left, err := maps.List(p, metav1.ListOptions{LabelSelector: "listed", ResourceVersion: ""})
	p.must("listing", err)
	p.equal("what is left", len(left.Items), 0)
}

func longList(p *probe, c *cluster) {
	const count, size = 12, 60_000
	maps := c.maps()
	for i := range count {
		_, err := maps.Create(p, configMap(fmt.Sprintf("long-%d", i), map[string]string{"text": strings.Repeat("long ", size/5)}, "long"), metav1.CreateOptions{})
		p.must("creating", err)
	}
	found, err := maps.List(p, metav1.ListOptions{LabelSelector: "long"})
	p.must("listing", err)
	total := 0
	for _, one := range found.Items {
		total += len(one.Data["text"])
	}
	p.equal("characters", total, count*size)
	p.must("deleting them all", maps.DeleteCollection(p, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "long"}))
}

func typedSecrets(p *probe, c *cluster) {
	secrets := kubernetes.NewForConfigOrDie(c.account).CoreV1().Secrets(c.namespace)
	yes := true
	created, err := secrets.Create(p, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "kept"},
		Data:       map[string][]byte{"bytes": {0, 200, 10}},
		StringData: map[string]string{"text": "grün"},
		Immutable:  &yes,
	}, metav1.CreateOptions{})
	p.must("creating", err)
	p.equal("the data", created.Data, map[string][]byte{"bytes": {0, 200, 10}, "text": []byte("grün")})
	p.equal("the type", created.Type, corev1.SecretTypeOpaque)
	created.Data["bytes"] = nil
	_, err = secrets.Update(p, created, metav1.UpdateOptions{})
	p.refused("changing what is immutable", err, apierrors.IsInvalid)
}

func typedApply(p *probe, c *cluster) {
	maps := c.maps()
	apply := func(manager string, force bool, data map[string]string) (*corev1.ConfigMap, error) {
		wanted := corev1ac.ConfigMap("applied", c.namespace).WithData(data)
		return maps.Apply(p, wanted, metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	_, err := apply("one", false, map[string]string{"a": "1", "b": "1"})
	p.must("applying", err)
	_, err = apply("two", false, map[string]string{"a": "2"})
	p.refused("applying what another owns", err, apierrors.IsConflict)
	_, err = apply("two", true, map[string]string{"a": "2"})
	p.must("applying by force", err)
	// what one manager no longer says goes, unless another owns it
	applied, err := apply("one", false, map[string]string{"c": "1"})
	p.must("applying less", err)
	p.equal("the data", applied.Data, map[string]string{"a": "2", "c": "1"})
	own, err := corev1ac.ExtractConfigMap(applied, "one")
	p.must("extracting what one owns", err)
	p.equal("what one owns", own.Data, map[string]string{"c": "1"})
}

func typedWatch(p *probe, c *cluster) {
	maps := c.maps()
	start, err := maps.List(p, metav1.ListOptions{LabelSelector: "watched"})
	p.must("listing", err)
	opened, err := maps.Watch(p, metav1.ListOptions{
		LabelSelector: "watched", ResourceVersion: start.ResourceVersion, AllowWatchBookmarks: true,
	})
	p.must("watching", err)
	defer opened.Stop()
	_, err = maps.Create(p, configMap("watched", nil, "watched"), metav1.CreateOptions{})
	p.must("creating", err)
	for _, text := range []string{`{"data":{"a":"1"}}`, `{"metadata":{"labels":null}}`, `{"metadata":{"labels":{"watched":"true"}}}`} {
		_, err = maps.Patch(p, "watched", types.MergePatchType, []byte(text), metav1.PatchOptions{})
		p.must("patching", err)
	}
	p.must("deleting", maps.Delete(p, "watched", metav1.DeleteOptions{}))
	for _, want := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted, watch.Added, watch.Deleted} {
		p.equal("the event", next(p, opened), want)
	}
}

// next is the type of the next event that is no bookmark.
func next(p *probe, opened watch.Interface) watch.EventType {
	for {
		select {
		case event := <-opened.ResultChan():
			if event.Type != watch.Bookmark {
				return event.Type
			}
		case <-time.After(waitTimeout):
			p.fail("no event came")
		}
	}
}

func typedNamespaces(p *probe, c *cluster) {
	admin := kubernetes.NewForConfigOrDie(c.admin).CoreV1()
	made, err := admin.Namespaces().Create(p, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "ending-"}}, metav1.CreateOptions{})
	p.must("creating", err)
	p.equal("the phase", made.Status.Phase, corev1.NamespaceActive)
	_, err = admin.ConfigMaps(made.Name).Create(p, configMap("in-it", nil), metav1.CreateOptions{})
	p.must("creating in it", err)
	p.eventually("it has an account", func() error {
		_, err := admin.ServiceAccounts(made.Name).Get(p, "default", metav1.GetOptions{})
		return err
	})
	p.must("deleting", admin.Namespaces().Delete(p, made.Name, metav1.DeleteOptions{}))
	p.eventually("it ends", func() error {
		found, err := admin.Namespaces().Get(p, made.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return not("no such namespace", found.Status)
	})
}
