package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

// unseenObjects are of each kind of Hostler that Flux and Helm may wait for.
var unseenObjects = map[string]string{
	"servers": `
apiVersion: hostler.dev/v1alpha1
kind: Server
metadata: {name: unseen}
spec:
  addresses: [{type: IPv4, address: 203.0.113.10}]
  ssh: {user: root, hostKeyPolicy: Strict, auth: {privateKeySecretRef: {name: unseen}}}`,
	"serveroperations": `
apiVersion: hostler.dev/v1alpha1
kind: ServerOperation
metadata: {name: unseen}
spec: {serverRef: {name: unseen}, type: TestConnection}`,
	"artifactbundles": `
apiVersion: hostler.dev/v1alpha1
kind: ArtifactBundle
metadata: {name: unseen}
spec:
  artifacts:
    - name: engine
      type: Packages
      file: engine.tar
      sha256: 4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a
      sizeBytes: 1
      os: {id: debian, versionID: "12"}
      architecture: amd64`,
}

// unseen is about kstatus, by which Flux and Helm tell what is done.
func unseen(c *cluster) check {
	return check{"kstatus: what no controller has seen is not done", func(p *probe) {
		for resource, manifest := range unseenObjects {
			object := &unstructured.Unstructured{}
			p.must("reading a manifest", yaml.Unmarshal([]byte(manifest), &object.Object))
			objects := dynamic.NewForConfigOrDie(c.admin).
				Resource(schema.GroupVersionResource{Group: "hostler.dev", Version: "v1alpha1", Resource: resource}).
				Namespace(c.namespace)
			_, err := objects.Create(p, object, metav1.CreateOptions{})
			p.must("creating one of "+resource, err)
			created, err := objects.Get(p, "unseen", metav1.GetOptions{})
			p.must("reading one of "+resource, err)
			result, err := status.Compute(created)
			p.must("computing its status", err)
			p.equal("status of one of "+resource, result.Status, status.InProgressStatus)
			p.must("deleting one of "+resource, objects.Delete(p, "unseen", metav1.DeleteOptions{}))
		}
	}}
}
