//go:build tools

// Helm is built as it is; this file only keeps its module in go.mod.
package main

import _ "helm.sh/helm/v3/cmd/helm"
