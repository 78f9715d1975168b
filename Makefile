# The commands of this repository: `make help`. What they do in more than a few lines stands in hack/ and e2e/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sluice
export CARGO_TARGET_DIR ?= $(CACHE)/target
export CARGO_BUILD_JOBS ?= 2

TESTBED := e2e/testbed/testbed
# The pinned Helm first, so that what it renders is the same everywhere.
HELM := $(firstword $(wildcard $(CACHE)/testbed/bin/helm $(CACHE)/bin/helm) $(shell command -v helm) $(CACHE)/bin/helm)
VERSION := $(shell sed -n '/^\[workspace.package\]/,/^$$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
IMAGE ?= sluice.dev/sluice:$(VERSION)

##@ Everyday
.PHONY: help check test generate image clean
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

check: $(HELM) ## Format, lints, tests without a cluster, generated files: the inner loop
	@HELM=$(HELM) hack/stages check

test: $(HELM) ## Everything: check, then Kafka, API server and end-to-end tests
	@HELM=$(HELM) hack/stages test

generate: $(HELM) ## Write manifests/, the CRD chart and docs/reference/api.md from the API types
	@HELM=$(HELM) hack/generate

image: ## Build the operator for release and pack its image: IMAGE=name:tag TAR=file
	@cargo build --release -p sluice
	@$(TESTBED) image $(IMAGE) $(or $(TAR),$(CACHE)/sluice.tar) $(CARGO_TARGET_DIR)/release/sluice

clean: ## Remove what was built
	@cargo clean && $(TESTBED) clean

$(CACHE)/bin/helm:
	@command -v go > /dev/null || { echo 'Helm is needed: install helm, or Go (https://go.dev/dl) to build it'; exit 1; }
	@mkdir -p $(@D) && cd e2e/testbed/go/helm && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $@ helm.sh/helm/v3/cmd/helm
