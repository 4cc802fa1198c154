# Every command a person types. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export XDG_CACHE_HOME ?= $(HOME)/.cache
CACHE := $(XDG_CACHE_HOME)/courseplatform
# One target directory for a clone; CI keeps it between clones.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export PORT ?= 8080

include e2e/cluster/cluster.mk
include e2e/cluster/images/images.mk

.PHONY: help
help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: tools
tools: ## Install what building and testing need (Debian packages, cargo-deny)
	@bash e2e/tools.sh

.PHONY: build
build: ## Build everything for local use and tests
	cargo build --workspace --all-targets

.PHONY: dev
dev: tools ## Run the platform as local processes (PORT=8080, and 8101-8108)
	cargo build --workspace --bins
	cargo run --quiet -p courseplatform-local -- dev

.PHONY: test
test: tools ## Run everything that CI runs, on real servers and the cluster
	@bash e2e/test.sh

.PHONY: lint
lint: tools ## Check format, lints, licences and shell scripts
	@bash e2e/test.sh lint

.PHONY: generate
generate: ## Write generated files anew (CRD, OpenAPI, events, Compose)
	@bash e2e/generate.sh

.PHONY: bench
bench: bench-platform bench-gateway bench-cache bench-operator bench-identity ## Measure all of the below (half an hour)

.PHONY: bench-platform
bench-platform: tools ## Measure memory, binary size and start of each component
	@bash e2e/bench.sh

.PHONY: bench-identity
bench-identity: tools ## Measure identity against Keycloak on the same PostgreSQL (8 minutes)
	@bash e2e/bench/identity.sh

.PHONY: bench-gateway
bench-gateway: tools ## Measure the gateway's time and memory beside nginx, Envoy and HAProxy
	@bash e2e/bench/gateway.sh

.PHONY: bench-cache
bench-cache: tools ## Measure what the gateway's response cache brings
	@bash e2e/bench/cache.sh

.PHONY: bench-operator
bench-operator: tools ## Measure the operator's memory and passes with 1 and 200 platforms beside a kube-apiserver
	@bash e2e/bench/operator.sh

.PHONY: soak
soak: ## Kill and replace the gateway's upstreams under load for 10 minutes
	SOAK_SECONDS=600 cargo test -p gateway --test gateway soak:: -- --nocapture
