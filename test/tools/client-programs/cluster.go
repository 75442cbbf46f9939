package main

import (
	"context"
	_ "embed"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/yaml"
)

const accountName = "operator"

//go:embed sites.yaml
var sitesDefinition []byte

// operatorRules are what the operator may do, in its own namespace only.
var operatorRules = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"configmaps", "secrets"}, Verbs: []string{"*"}},
	{APIGroups: []string{"operators.example.com"}, Resources: []string{"sites", "sites/status", "sites/scale", "sites/finalizers"}, Verbs: []string{"*"}},
	{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "create", "update"}},
	{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch", "list"}},
}

// cluster is the API server under test, seen by its administrator and by the account that the operator runs as.
type cluster struct {
	admin *rest.Config
	// account has nothing but a token, in a file, as in a Pod.
	account   *rest.Config
	namespace string
	directory string
}

// install does what somebody does who installs an operator: definition, namespace, account, role, binding, token.
func (c *cluster) install(p *probe) {
	c.defineSites(p)
	admin := kubernetes.NewForConfigOrDie(c.admin)
	namespace, err := admin.CoreV1().Namespaces().Create(p, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "client-programs-"},
	}, metav1.CreateOptions{})
	p.must("creating the namespace", err)
	c.namespace = namespace.Name
	meta := metav1.ObjectMeta{Name: accountName}
	_, err = admin.CoreV1().ServiceAccounts(c.namespace).Create(p, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	p.must("creating the account", err)
	_, err = admin.RbacV1().Roles(c.namespace).Create(p, &rbacv1.Role{ObjectMeta: meta, Rules: operatorRules}, metav1.CreateOptions{})
	p.must("creating the role", err)
	_, err = admin.RbacV1().RoleBindings(c.namespace).Create(p, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: accountName, Namespace: c.namespace}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: accountName},
	}, metav1.CreateOptions{})
	p.must("binding the role", err)
	hour := int64(3600)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}
	granted, err := admin.CoreV1().ServiceAccounts(c.namespace).CreateToken(p, accountName, request, metav1.CreateOptions{})
	p.must("asking for a token", err)
	p.that("the token expires", !granted.Status.ExpirationTimestamp.IsZero(), granted.Status)
	c.account = c.configWith(p, granted.Status.Token)
}

// defineSites creates the definition where it is not there yet, and waits until it is served.
func (c *cluster) defineSites(p *probe) {
	definition := &apiextensionsv1.CustomResourceDefinition{}
	p.must("reading sites.yaml", yaml.UnmarshalStrict(sitesDefinition, definition))
	definitions := apiextensions.NewForConfigOrDie(c.admin).ApiextensionsV1().CustomResourceDefinitions()
	if _, err := definitions.Create(p, definition, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		p.must("creating the definition", err)
	}
	p.eventually("the definition is established", func() error {
		current, err := definitions.Get(p, definition.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return established(current)
	})
}

func established(definition *apiextensionsv1.CustomResourceDefinition) error {
	for _, condition := range definition.Status.Conditions {
		if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
			return nil
		}
	}
	return not("Established", definition.Status.Conditions)
}

func (c *cluster) configWith(p *probe, token string) *rest.Config {
	directory, err := os.MkdirTemp("", "client-programs-")
	p.must("making a directory", err)
	c.directory = directory
	file := filepath.Join(directory, "token")
	p.must("writing the token", os.WriteFile(file, []byte(token), 0o600))
	config := rest.AnonymousClientConfig(c.admin)
	config.BearerTokenFile = file
	config.QPS, config.Burst = c.admin.QPS, c.admin.Burst
	config.UserAgent = "operator/v1"
	return config
}

// remove takes away what install made; the definition stays for whoever comes next.
func (c *cluster) remove() {
	if c.namespace != "" {
		_ = kubernetes.NewForConfigOrDie(c.admin).CoreV1().Namespaces().Delete(context.Background(), c.namespace, metav1.DeleteOptions{})
	}
	if c.directory != "" {
		_ = os.RemoveAll(c.directory)
	}
}

// wire notes what a client sends.
type wire struct {
	mutex sync.Mutex
	sent  []string
}

// watched is a copy of config whose requests are noted.
func watched(config *rest.Config) (*rest.Config, *wire) {
	noted := &wire{}
	copied := rest.CopyConfig(config)
	copied.Wrap(transport.WrapperFunc(func(next http.RoundTripper) http.RoundTripper {
		return noting{noted, next}
	}))
	return copied, noted
}

type noting struct {
	*wire
	next http.RoundTripper
}

func (n noting) RoundTrip(request *http.Request) (*http.Response, error) {
	n.mutex.Lock()
	n.sent = append(n.sent, strings.Join([]string{request.Method, request.URL.RequestURI(), request.Header.Get("Content-Type")}, " "))
	n.mutex.Unlock()
	return n.next.RoundTrip(request)
}

// count is how many requests hold all of the words.
func (w *wire) count(words ...string) int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	found := 0
	for _, request := range w.sent {
		fits := true
		for _, word := range words {
			fits = fits && strings.Contains(request, word)
		}
		if fits {
			found++
		}
	}
	return found
}
