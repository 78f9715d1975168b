# The commands of this repository: `make help`. What they do in more than a few lines stands in hack/ and e2e/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sluice
export CARGO_TARGET_DIR ?= $(CACHE)/target
export CARGO_BUILD_JOBS ?= 2

TESTBED := e2e/testbed/testbed
CLUSTER := e2e/testbed/cluster
# The pinned Helm first, so that what it renders is the same everywhere.
export HELM := $(firstword $(wildcard $(CACHE)/testbed/bin/helm $(CACHE)/bin/helm) $(shell command -v helm) $(CACHE)/bin/helm)
VERSION := $(shell sed -n '/^\[workspace.package\]/,/^$$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
IMAGE ?= sluice.dev/sluice:$(VERSION)

##@ Everyday
.PHONY: help check test fuzz generate broker-keys image clean
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z0-9-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

check: ready ## Format, lints, tests without a cluster, generated files: the inner loop
	@hack/stages check

test: ready ## Everything: check, then Kafka, API server and end-to-end tests
	@hack/stages test

fuzz: ready ## Specs of every kind and answers of brokers at random, FOR=60 seconds each; TARGET=topics for one of them
	@hack/stages fuzz $(or $(FOR),60) $(TARGET)

generate: ready ## Write manifests/, the CRD chart and docs/reference/api.md from the API types
	@hack/generate

broker-keys: ## Write the tables of configuration keys of brokers and workers from Kafka's own jars: KAFKA_LIBS=folder
	@operator/core/generate/broker-keys.sh
	@operator/core/generate/worker-keys.sh

image: ## Build the operator for release and pack its image: IMAGE=name:tag TAR=file
	@cargo build --release -p sluice
	@$(TESTBED) image $(IMAGE) $(or $(TAR),$(CACHE)/sluice.tar) $(CARGO_TARGET_DIR)/release/sluice

clean: ## Remove what was built
	@cargo clean
	@$(TESTBED) clean
	@rm -rf $(CACHE)/images $(CACHE)/log

##@ On a cluster: KUBECONFIG if set, else kind if Docker runs, else a cluster of its own (e2e/testbed)
.PHONY: demo demo-down e2e chaos nightly bench
demo: ready ## A shop's database flows into another one, with what a user would look at; leaves the cluster running
	@hack/on-cluster demo

demo-down: ## Remove all that `make demo` made
	@hack/on-cluster demo-down

e2e: ready ## End-to-end cases, all or some: CASES="K1 P7"; PROFILE=dev builds faster
	@hack/on-cluster run $(if $(CASES),--case "$(CASES)")

chaos: ready ## Disturb a cluster for MINUTES=8, in an order that SEED=number repeats; PIPELINE=yes: one with a pipeline
	@hack/on-cluster chaos --minutes $(or $(MINUTES),8) $(if $(SEED),--seed $(SEED)) $(if $(PIPELINE),--pipeline)

nightly: ready ## The same for an hour, in an order that nobody has seen
	@hack/on-cluster chaos --minutes 60

bench: ready ## Measure speed and size; writes docs/benchmarks/latest.json
	@hack/on-cluster bench

##@ The test bed: a Kubernetes cluster out of package registries
.PHONY: cluster cluster-down cluster-test
cluster: ## Bring it up: NODES=3
	@$(TESTBED) up $(if $(NODES),--nodes $(NODES))

cluster-down: ## Remove it
	@$(TESTBED) down

cluster-test: ## Prove that it does what it says
	@$(TESTBED) test

.PHONY: ready
ready: $(HELM)
	@hack/prerequisites

$(CACHE)/bin/helm:
	@command -v go > /dev/null || { echo 'sluice: Helm is needed: install helm, or Go (https://go.dev/dl) to build it'; exit 1; }
	@echo '  building Helm, once; it takes about a minute'
	@mkdir -p $(@D) && cd e2e/testbed/go/helm && \
	  CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $@ helm.sh/helm/v3/cmd/helm > $@.log 2>&1 || { cat $@.log; exit 1; }
