#!/bin/sh
# Runs Kubernetes' own e2e tests against the API server of $KUBECONFIG, such as that of `hostler serve --no-controllers`:
#   KUBECONFIG=.hostler/kubeconfig test/tools/kubernetes-e2e/run.sh 'CustomResource|FieldValidation|Watchers'
# $1 chooses tests by name, $2 leaves some out. What needs Pods, Services, Deployments, webhooks or certificates fails, as
# Hostler serves none of these. Needs Go, and a kubectl on the PATH; the first build takes 15 minutes or more.
set -eu
focus=$1
skip=${2:-Slow|Flaky|OffByDefault|[Ww]ebhook|Pod|[Nn]ode}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hostler/kubernetes-e2e
cd "$(dirname "$0")"
mkdir -p "$cache"
go test -vet=off -c -o "$cache/e2e.test" .
cd "$cache"
exec ./e2e.test --kubeconfig="$KUBECONFIG" --kubectl-path="$(command -v kubectl)" --provider=skeleton \
  --allowed-not-ready-nodes=-1 --e2e-verify-service-account=false --disable-log-dump --dump-logs-on-failure=false \
  --ginkgo.focus="$focus" --ginkgo.skip="$skip" --ginkgo.no-color
