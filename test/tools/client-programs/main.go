// Command client-programs does to an API server what programs written with client-go and controller-runtime do, and
// says for each thing whether it went as such programs expect.
//
//	client-programs -kubeconfig FILE           every check, one line each: `ok NAME` or `FAILED NAME: why`
//	client-programs -kubeconfig FILE -relist   follows ConfigMaps while somebody else takes their history away
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	kubeconfig := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig `file` of an administrator")
	relist := flag.Bool("relist", false, "print what informers see until the input ends")
	flag.Parse()
	log.SetLogger(klog.Background())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *relist); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig string, relist bool) error {
	admin, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	// a server under test is not to be spared
	admin.QPS, admin.Burst = 500, 1000
	if relist {
		return follow(ctx, admin)
	}
	c := &cluster{admin: admin}
	defer c.remove()
	checks := []check{{"an operator is installed, with an account of its own", c.install}}
	checks = append(checks, accessChecks(c)...)
	checks = append(checks, typedChecks(c)...)
	checks = append(checks, dynamicChecks(c)...)
	checks = append(checks, informerChecks(c)...)
	checks = append(checks, leaderChecks(c)...)
	checks = append(checks, operatorChecks(c)...)
	checks = append(checks, unseen(c))
	return runChecks(ctx, checks)
}
