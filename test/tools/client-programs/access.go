package main

import (
	"os"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// accessChecks are about who asks and what that one may do.
func accessChecks(c *cluster) []check {
	with := func(run func(*probe, *cluster)) func(*probe) { return func(p *probe) { run(p, c) } }
	return []check{
		{"access: an account knows who it is and what it may do", with(whoAndWhat)},
		{"access: tokens and requests are reviewed for others", with(delegated)},
	}
}

func whoAndWhat(p *probe, c *cluster) {
	client := kubernetes.NewForConfigOrDie(c.account)
	self, err := client.AuthenticationV1().SelfSubjectReviews().Create(p, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	p.must("asking who", err)
	p.equal("the user", self.Status.UserInfo.Username, "system:serviceaccount:"+c.namespace+":"+accountName)
	p.that("the review has a time", !self.CreationTimestamp.IsZero(), self.ObjectMeta)
	may := func(namespace, verb, resource string) bool {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Resource: resource},
		}}
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(p, review, metav1.CreateOptions{})
		p.must("asking whether", err)
		return answer.Status.Allowed
	}
	p.equal("secrets of its own namespace", may(c.namespace, "get", "secrets"), true)
	p.equal("secrets of another", may("kube-system", "get", "secrets"), false)
	_, err = client.CoreV1().Secrets("kube-system").List(p, metav1.ListOptions{})
	p.refused("listing secrets of another namespace", err, apierrors.IsForbidden)
	impersonated := rest.CopyConfig(c.admin)
	impersonated.Impersonate = rest.ImpersonationConfig{UserName: self.Status.UserInfo.Username, Groups: self.Status.UserInfo.Groups}
	_, err = kubernetes.NewForConfigOrDie(impersonated).CoreV1().Secrets("kube-system").List(p, metav1.ListOptions{})
	p.refused("listing them as that account", err, apierrors.IsForbidden)
	rules, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(p, &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: c.namespace},
	}, metav1.CreateOptions{})
	p.must("asking for the rules", err)
	p.that("there are at least its own", len(rules.Status.ResourceRules) >= len(operatorRules), rules.Status)
}

// delegated asks what a server asks that leaves it to the API who may talk to it, such as that of an operator's metrics.
func delegated(p *probe, c *cluster) {
	client := kubernetes.NewForConfigOrDie(c.admin)
	token, err := os.ReadFile(c.account.BearerTokenFile)
	p.must("reading the token", err)
	for text, good := range map[string]bool{string(token): true, "no.such.token": false} {
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: text}}
		answer, err := client.AuthenticationV1().TokenReviews().Create(p, review, metav1.CreateOptions{})
		p.must("asking whose token it is", err)
		p.equal("whether it is good", answer.Status.Authenticated, good)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + c.namespace + ":" + accountName, NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/metrics", Verb: "get"},
	}}
	answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(p, review, metav1.CreateOptions{})
	p.must("asking whether it may", err)
	p.equal("whether it may", answer.Status.Allowed, false)
}
