package main

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
)

var (
	sitesResource = schema.GroupVersionResource{Group: "operators.example.com", Version: "v1", Resource: "sites"}
	siteKind      = schema.GroupVersionKind{Group: "operators.example.com", Version: "v1", Kind: "Site"}
	mapsResource  = corev1.SchemeGroupVersion.WithResource("configmaps")
)

// dynamicChecks are about the clients that learn of resources as they run.
func dynamicChecks(c *cluster) []check {
	with := func(run func(*probe, *cluster)) func(*probe) { return func(p *probe) { run(p, c) } }
	return []check{
		{"discovery: two requests tell of every resource", with(discovered)},
		{"discovery: short names, categories and kinds are mapped", with(mapped)},
		{"dynamic: custom resources are written, and their status apart", with(dynamicObjects)},
		{"dynamic: server-side apply of object and status, with extracts", with(dynamicApply)},
		{"metadata: objects are listed, patched and deleted unseen", with(metadataOnly)},
		{"scale: custom resources are scaled", with(scaled)},
	}
}

func discovered(p *probe, c *cluster) {
	config, noted := watched(c.account)
	client := discovery.NewDiscoveryClientForConfigOrDie(config)
	groups, resources, err := client.ServerGroupsAndResources()
	p.must("asking for everything", err)
	p.equal("requests", noted.count("GET"), 2)
	names := map[string]bool{}
	for _, group := range groups {
		names[group.Name] = true
	}
	for _, name := range []string{"", "apiextensions.k8s.io", "coordination.k8s.io", "events.k8s.io", "operators.example.com"} {
		p.that("there is group "+name, names[name], names)
	}
	found := discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "watch", "patch"}}, resources)
	sites := discovery.FilteredBy(discovery.ResourcePredicateFunc(func(version string, resource *metav1.APIResource) bool {
		return version == siteKind.GroupVersion().String() && resource.Name == "sites"
	}), found)
	p.equal("groups with sites", len(sites), 1)
	version, err := client.ServerVersion()
	p.must("asking for the version", err)
	p.that("it is a release", strings.HasPrefix(version.GitVersion, "v1."), version)
	healthy, err := client.RESTClient().Get().AbsPath("/readyz").DoRaw(p)
	p.must("asking whether it is ready", err)
	p.equal("whether it is", string(healthy), "ok")
	paths, err := client.OpenAPIV3().Paths()
	p.must("asking for OpenAPI v3", err)
	document, err := paths["apis/operators.example.com/v1"].Schema("application/json")
	p.must("reading the document of the group", err)
	p.that("it tells of Site", strings.Contains(string(document), "com.example.operators.v1.Site"), len(document))
	old, err := client.OpenAPISchema()
	p.must("asking for OpenAPI v2 in protobuf", err)
	p.that("it has definitions", len(old.GetDefinitions().GetAdditionalProperties()) > 20, old.GetSwagger())
}

func mapped(p *probe, c *cluster) {
	client := memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(c.account))
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(client), client, nil)
	for short, kind := range map[string]string{"si": "Site", "sites": "Site", "site": "Site", "cm": "ConfigMap", "ns": "Namespace", "crd": "CustomResourceDefinition"} {
		found, err := mapper.KindFor(schema.GroupVersionResource{Resource: short})
		p.must("mapping "+short, err)
		p.equal("the kind", found.Kind, kind)
	}
	mapping, err := mapper.RESTMapping(siteKind.GroupKind())
	p.must("mapping Site", err)
	p.equal("the resource", mapping.Resource, sitesResource)
	p.equal("the scope", mapping.Scope.Name(), meta.RESTScopeNameNamespace)
	_, err = mapper.RESTMapping(schema.GroupKind{Group: "operators.example.com", Kind: "Nothing"})
	p.refused("mapping what is not there", err, meta.IsNoMatchError)
	operated, ok := restmapper.NewDiscoveryCategoryExpander(client).Expand("operated")
	p.that("the category is known", ok, operated)
	p.equal("what is in it", operated, []schema.GroupResource{sitesResource.GroupResource()})
}

func site(name, title string) *unstructured.Unstructured {
	made := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"title": title}}}
	made.SetGroupVersionKind(siteKind)
	made.SetName(name)
	return made
}

func (c *cluster) sites() dynamic.ResourceInterface {
	return dynamic.NewForConfigOrDie(c.account).Resource(sitesResource).Namespace(c.namespace)
}

func dynamicObjects(p *probe, c *cluster) {
	sites := c.sites()
	made := site("dynamic", "first")
	p.must("writing a status", unstructured.SetNestedField(made.Object, int64(9), "status", "replicas"))
	created, err := sites.Create(p, made, metav1.CreateOptions{})
	p.must("creating", err)
	_, hasStatus := created.Object["status"]
	p.equal("a status from the beginning", hasStatus, false)
	replicas, _, err := unstructured.NestedInt64(created.Object, "spec", "replicas")
	p.must("reading the default", err)
	p.equal("replicas by default", replicas, int64(1))
	_, err = sites.Create(p, site("bad", ""), metav1.CreateOptions{})
	p.refused("an empty title", err, apierrors.IsInvalid)
	greedy := site("greedy", "small")
	p.must("writing replicas", unstructured.SetNestedField(greedy.Object, int64(6), "spec", "replicas"))
	_, err = sites.Create(p, greedy, metav1.CreateOptions{})
	p.refused("what a rule forbids", err, apierrors.IsInvalid)
	unknown := site("unknown", "x")
	p.must("writing a field", unstructured.SetNestedField(unknown.Object, "y", "spec", "nothing"))
	_, err = sites.Create(p, unknown, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	p.refused("an unknown field", err, apierrors.IsBadRequest)
	p.must("writing a status", unstructured.SetNestedField(created.Object, int64(2), "status", "replicas"))
	p.must("changing the title", unstructured.SetNestedField(created.Object, "not by status", "spec", "title"))
	updated, err := sites.UpdateStatus(p, created, metav1.UpdateOptions{})
	p.must("replacing the status", err)
	p.equal("the generation", updated.GetGeneration(), int64(1))
	p.equal("the title", title(updated), "first")
	patched, err := sites.Patch(p, "dynamic", types.MergePatchType, []byte(`{"spec":{"title":"second"}}`), metav1.PatchOptions{})
	p.must("patching", err)
	p.equal("the generation", patched.GetGeneration(), int64(2))
	_, err = sites.Patch(p, "dynamic", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{})
	p.refused("a patch of a type that it has not", err, apierrors.IsUnsupportedMediaType)
	selected, err := sites.List(p, metav1.ListOptions{FieldSelector: "spec.title=second"})
	p.must("listing by a field of its own", err)
	p.equal("how many", len(selected.Items), 1)
	p.equal("the kind of an item", selected.Items[0].GetKind(), "Site")
	p.must("deleting", sites.Delete(p, "dynamic", metav1.DeleteOptions{}))
}

func title(of *unstructured.Unstructured) string {
	text, _, _ := unstructured.NestedString(of.Object, "spec", "title")
	return text
}

func dynamicApply(p *probe, c *cluster) {
	sites := c.sites()
	applied, err := sites.Apply(p, "applied", site("applied", "by apply"), metav1.ApplyOptions{FieldManager: "dynamic"})
	p.must("applying", err)
	p.that("managers are told", len(applied.GetManagedFields()) == 1, applied.GetManagedFields())
	state := site("applied", "ignored")
	delete(state.Object, "spec")
	condition := map[string]any{"type": "Ready", "status": "True", "reason": "Applied", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
	p.must("writing a condition", unstructured.SetNestedSlice(state.Object, []any{condition}, "status", "conditions"))
	withState, err := sites.ApplyStatus(p, "applied", state, metav1.ApplyOptions{FieldManager: "dynamic-status"})
	p.must("applying the status", err)
	conditions, _, err := unstructured.NestedSlice(withState.Object, "status", "conditions")
	p.must("reading conditions", err)
	p.equal("conditions", conditions, []any{condition})
	extractor, err := metav1ac.NewUnstructuredExtractor(discovery.NewDiscoveryClientForConfigOrDie(c.account))
	p.must("reading types from OpenAPI v2", err)
	own, err := extractor.Extract(withState, "dynamic")
	p.must("extracting what a manager owns", err)
	p.equal("what it owns", own.Object["spec"], map[string]any{"title": "by apply"})
	ownStatus, err := extractor.ExtractStatus(withState, "dynamic-status")
	p.must("extracting what another owns", err)
	p.equal("what that owns", ownStatus.Object["status"], state.Object["status"])
	_, err = sites.Apply(p, "applied", site("applied", "by another"), metav1.ApplyOptions{FieldManager: "another"})
	p.refused("applying what another owns", err, apierrors.IsConflict)
	p.must("deleting", sites.Delete(p, "applied", metav1.DeleteOptions{}))
}

func metadataOnly(p *probe, c *cluster) {
	_, err := c.maps().Create(p, configMap("unseen", map[string]string{"a": "1"}, "unseen"), metav1.CreateOptions{})
	p.must("creating", err)
	_, err = c.sites().Create(p, site("unseen", "unseen"), metav1.CreateOptions{})
	p.must("creating a Site", err)
	client := metadata.NewForConfigOrDie(c.account)
	for _, resource := range []schema.GroupVersionResource{mapsResource, sitesResource} {
		objects := client.Resource(resource).Namespace(c.namespace)
		list, err := objects.List(p, metav1.ListOptions{FieldSelector: "metadata.name=unseen"})
		p.must("listing", err)
		p.equal("how many", len(list.Items), 1)
		p.equal("the name", list.Items[0].Name, "unseen")
		patched, err := objects.Patch(p, "unseen", types.MergePatchType, []byte(`{"metadata":{"annotations":{"a":"b"}}}`), metav1.PatchOptions{})
		p.must("patching", err)
		p.equal("annotations", patched.Annotations, map[string]string{"a": "b"})
		p.must("deleting", objects.Delete(p, "unseen", metav1.DeleteOptions{}))
	}
}

func scaled(p *probe, c *cluster) {
	_, err := c.sites().Create(p, site("scaled", "scaled"), metav1.CreateOptions{})
	p.must("creating", err)
	client := discovery.NewDiscoveryClientForConfigOrDie(c.account)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	getter, err := scale.NewForConfig(c.account, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client))
	p.must("making a client", err)
	scales := getter.Scales(c.namespace)
	found, err := scales.Get(p, sitesResource.GroupResource(), "scaled", metav1.GetOptions{})
	p.must("reading", err)
	p.equal("replicas", found.Spec.Replicas, int32(1))
	found.Spec.Replicas = 3
	_, err = scales.Update(p, sitesResource.GroupResource(), found, metav1.UpdateOptions{})
	p.must("scaling", err)
	again, err := scales.Patch(p, sitesResource, "scaled", types.MergePatchType, []byte(`{"spec":{"replicas":4}}`), metav1.PatchOptions{})
	p.must("scaling by patch", err)
	p.equal("replicas", again.Spec.Replicas, int32(4))
	p.must("deleting", c.sites().Delete(p, "scaled", metav1.DeleteOptions{}))
}
