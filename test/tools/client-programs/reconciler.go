package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	cleanup    = "operators.example.com/cleanup"
	titleIndex = "spec.title"
	ready      = "Ready"
)

// siteReconciler makes of every Site a ConfigMap with its pages and a Secret with its key. When a Site goes, it leaves a
// ConfigMap behind that nobody owns.
type siteReconciler struct {
	client.Client
	recorder events.EventRecorder
}

func (r *siteReconciler) setUp(ctx context.Context, m manager.Manager) error {
	byTitle := func(object client.Object) []string { return []string{object.(*Site).Spec.Title} }
	if err := m.GetFieldIndexer().IndexField(ctx, &Site{}, titleIndex, byTitle); err != nil {
		return err
	}
	return builder.ControllerManagedBy(m).
		For(&Site{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.Secret{}, builder.OnlyMetadata).
		Complete(r)
}

// Reconcile is level-based: it looks at what is there and makes it so.
func (r *siteReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	site := &Site{}
	if err := r.Get(ctx, request.NamespacedName, site); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !site.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, r.finish(ctx, site)
	}
	before := site.DeepCopyObject().(*Site)
	if controllerutil.AddFinalizer(site, cleanup) {
		if err := r.Patch(ctx, site, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			return reconcile.Result{}, err
		}
	}
	if err := r.writePages(ctx, site); err != nil {
		return reconcile.Result{}, err
	}
	if err := r.applyKey(ctx, site); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, r.report(ctx, site)
}

func (r *siteReconciler) writePages(ctx context.Context, site *Site) error {
	pages := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Name + "-pages"}}
	result, err := controllerutil.CreateOrUpdate(ctx, r.Client, pages, func() error {
		pages.Data = site.Spec.Pages
		return controllerutil.SetControllerReference(site, pages, r.Scheme())
	})
	if err == nil && result != controllerutil.OperationResultNone {
		r.recorder.Eventf(site, pages, corev1.EventTypeNormal, "PagesWritten", "Write", "pages were %s", result)
	}
	return err
}

func (r *siteReconciler) applyKey(ctx context.Context, site *Site) error {
	owner := metav1ac.OwnerReference().
		WithAPIVersion(siteKind.GroupVersion().String()).WithKind(siteKind.Kind).WithName(site.Name).WithUID(site.UID).
		WithController(true).WithBlockOwnerDeletion(true)
	key := corev1ac.Secret(site.Name+"-key", site.Namespace).
		WithOwnerReferences(owner).
		WithData(map[string][]byte{"key": []byte(site.Spec.Title)})
	return r.Apply(ctx, key, client.FieldOwner(accountName), client.ForceOwnership)
}

func (r *siteReconciler) report(ctx context.Context, site *Site) error {
	before := site.DeepCopyObject().(*Site)
	if site.Spec.Replicas != nil {
		site.Status.Replicas = *site.Spec.Replicas
	}
	site.Status.ObservedGeneration = site.Generation
	changed := meta.SetStatusCondition(&site.Status.Conditions, metav1.Condition{
		Type: ready, Status: metav1.ConditionTrue, Reason: "Written", ObservedGeneration: site.Generation,
		Message: fmt.Sprintf("%d pages", len(site.Spec.Pages)),
	})
	if !changed && before.Status.Replicas == site.Status.Replicas {
		return nil
	}
	return r.Status().Patch(ctx, site, client.MergeFrom(before))
}

func (r *siteReconciler) finish(ctx context.Context, site *Site) error {
	if !controllerutil.ContainsFinalizer(site, cleanup) {
		return nil
	}
	left := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Name + "-archive"}}
	if _, err := controllerutil.CreateOrPatch(ctx, r.Client, left, func() error {
		left.Data = map[string]string{"title": site.Spec.Title}
		return nil
	}); err != nil {
		return err
	}
	before := site.DeepCopyObject().(*Site)
	controllerutil.RemoveFinalizer(site, cleanup)
	return client.IgnoreNotFound(r.Patch(ctx, site, client.MergeFrom(before)))
}
