package main

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
)

// Site is the custom resource of sites.yaml.
type Site struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              SiteSpec   `json:"spec"`
	Status            SiteStatus `json:"status,omitempty"`
}

// SiteSpec is what somebody wants.
type SiteSpec struct {
	Title    string            `json:"title"`
	Replicas *int32            `json:"replicas,omitempty"`
	Pages    map[string]string `json:"pages,omitempty"`
}

// SiteStatus is what the operator found.
type SiteStatus struct {
	Replicas           int32              `json:"replicas,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// SiteList is what a list of them decodes to.
type SiteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Site `json:"items"`
}

// DeepCopyObject makes it a runtime.Object.
func (s *Site) DeepCopyObject() runtime.Object {
	copied := &Site{TypeMeta: s.TypeMeta, Spec: s.Spec, Status: s.Status}
	s.ObjectMeta.DeepCopyInto(&copied.ObjectMeta)
	if s.Spec.Replicas != nil {
		replicas := *s.Spec.Replicas
		copied.Spec.Replicas = &replicas
	}
	copied.Spec.Pages = maps.Clone(s.Spec.Pages)
	copied.Status.Conditions = slices.Clone(s.Status.Conditions)
	return copied
}

// DeepCopyObject makes it a runtime.Object.
func (l *SiteList) DeepCopyObject() runtime.Object {
	copied := &SiteList{TypeMeta: l.TypeMeta}
	l.ListMeta.DeepCopyInto(&copied.ListMeta)
	for i := range l.Items {
		copied.Items = append(copied.Items, *l.Items[i].DeepCopyObject().(*Site))
	}
	return copied
}

// newScheme knows the built-in kinds and Sites.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	scheme.AddKnownTypes(siteKind.GroupVersion(), &Site{}, &SiteList{})
	metav1.AddToGroupVersion(scheme, siteKind.GroupVersion())
	return scheme, nil
}
