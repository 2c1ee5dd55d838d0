//go:build tools

// The programs that the tests run beside our own client: pinned here, and by their
// hashes in go.sum.
package main

import (
	_ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
	_ "github.com/grpc-ecosystem/grpc-health-probe"
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "sigs.k8s.io/kustomize/kustomize/v5"
)
