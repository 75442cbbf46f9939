#!/bin/sh
# Builds Traefik from its source, for test/tools/traefik/trial.ts. Takes Go, 4 GB of memory and about 20 minutes.
# Usage: build.sh DIRECTORY VERSION…   →  DIRECTORY/traefik-VERSION
set -eu
directory=$1
shift
export GOFLAGS=-mod=mod CGO_ENABLED=0
for version do
  source=$(go mod download -json "github.com/traefik/traefik/v3@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  copy=$directory/src-$version
  mkdir -p "$copy"
  cp -r "$source/." "$copy"
  chmod -R u+w "$copy"
  (
    cd "$copy"
    go build -trimpath -ldflags "-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=$version" \
      -o "../traefik-$version" ./cmd/traefik
  )
done
