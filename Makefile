# The one list of commands: `make` or `make help` shows it.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
BIN := .venv/bin
CLUSTER := hack/cluster/cluster
# The cluster's KUBECONFIG and tools, unless KUBECONFIG names a cluster of yours.
WITH_CLUSTER := eval "$$($(CLUSTER) env)"
PYTEST := $(BIN)/pytest
unexport PYTHONDONTWRITEBYTECODE # or each worker compiles all tests anew, and each program that they start the SDK
CHAOS_SECONDS ?= 300
E2E_PROCESSES ?= 3 # they wait more than they work

.PHONY: help
help: ## Show this list
	@awk -F':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z0-9-]+:.*## /{printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## See it work
.PHONY: demo cluster cluster-down cluster-tools chart-tools images
demo: venv ## The main job on a real cluster: install, deploy, run, result, metrics, alerts, dashboards (first time without an image registry about 10 min)
	hack/demo

cluster: ## Start a kind cluster, or go on with the one that runs; KUBECONFIG is honoured
	$(CLUSTER) up

cluster-down: ## Delete that cluster, and what was started for it
	$(CLUSTER) down

cluster-tools: ## Build kubectl, helm and a control plane for the tests, once, into the cache
	$(CLUSTER) tools

chart-tools: ## Build helm and what makes and checks the chart's files, once, into the cache
	$(CLUSTER) chart-tools

images: venv cluster ## Build the operator's and the flows' images, and load them into the cluster
	hack/images

## Change it
.PHONY: venv generate format lint
venv: .venv/made ## Make .venv with everything the commands below need

.venv/made: pyproject.toml
	@echo "making .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1' 'pip>=25.1'
	@certificates=/etc/ssl/certs/ca-certificates.crt; \
	if [[ -e $$certificates ]]; then export SSL_CERT_FILE=$${SSL_CERT_FILE:-$$certificates}; fi; \
	$(BIN)/uv pip install --quiet --python .venv --group dev --editable '.[operator]'
	@touch $@

generate: venv chart-tools ## Write the files that are made from others: CRDs, the chart's copy of them and its README, config/, the table of Prefect's names, the references
	$(BIN)/python -m millstream.resources.crd crds
	$(BIN)/python -m millstream.resources.crd charts/millstream/files/crds
	$(BIN)/python hack/prefect_table.py
	$(BIN)/python hack/reference.py
	$(BIN)/python hack/cli_reference.py
	$(BIN)/python hack/metrics.py
	PYTHONPATH=hack $(BIN)/python -m dashboards
	$(BIN)/python hack/chart_readme.py
	$(BIN)/python hack/kustomize.py

format: venv ## Format the sources
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: venv ## Format, lint, types, layers, workflows, shell scripts, generated files but the chart's README and config/
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	$(BIN)/shellcheck hack/cluster/cluster hack/cluster/common.sh hack/demo hack/images hack/release .ci/run
	$(BIN)/python -m millstream.resources.crd crds --check
	$(BIN)/python -m millstream.resources.crd charts/millstream/files/crds --check
	$(BIN)/python hack/prefect_table.py --check
	$(BIN)/python hack/reference.py --check
	$(BIN)/python hack/cli_reference.py --check
	$(BIN)/python hack/metrics.py --check
	PYTHONPATH=hack $(BIN)/python -m dashboards --check

## Release it
.PHONY: release-dry-run
release-dry-run: venv cluster-tools ## Build all of a release that needs no registry, into dist/release; images as well, where Docker answers
	hack/release
	@if docker version >/dev/null 2>&1; then hack/images; else echo "No Docker: the images are not built."; fi

## Test it
.PHONY: test test-fast test-deep test-processes test-control-plane test-chart test-e2e chaos bench bench-operator bench-sdk
test: lint test-fast test-deep test-processes test-control-plane test-chart test-e2e ## Everything

test-fast: venv ## Unit and property tests: no cluster, under a minute
	$(PYTEST) tests/unit tests/property --numprocesses=auto

test-deep: venv ## The longest property tests all the way, of which test-fast goes through a third
	$(PYTEST) tests/property/test_decide_converges.py tests/property/test_concurrency.py tests/property/test_lease.py --hypothesis-profile=deep --numprocesses=auto

test-processes: venv ## The SDK with other processes: task runners, the runner of pods, Dask, an S3 server, PostgreSQL
	$(PYTEST) tests/processes --numprocesses=auto

test-control-plane: venv cluster-tools ## The operator against a real etcd and kube-apiserver
	$(PYTEST) tests/control_plane --numprocesses=auto --dist=loadfile

test-chart: venv cluster-tools ## The chart: lint, render, its README and config/, real API server
	$(PYTEST) tests/chart --numprocesses=auto --dist=loadfile

test-e2e: venv cluster images ## Runs in pods, on kind or the cluster of KUBECONFIG
	$(WITH_CLUSTER); $(PYTEST) tests/e2e --durations=15 -m 'not alone' --numprocesses=$(E2E_PROCESSES) --dist=loadgroup; $(PYTEST) tests/e2e --durations=15 -m alone

chaos: venv cluster-tools ## The long proofs: faults, blackouts and kills by chance, for CHAOS_SECONDS=300 or so; CHAOS_SEED=n repeats
	CHAOS_SECONDS=$(CHAOS_SECONDS) $(PYTEST) tests/chaos

bench: bench-operator bench-sdk ## Our figures, each beside its baseline from the same run
	$(BIN)/python benchmarks/runner.py

bench-sdk: venv ## Those of the SDK, beside Prefect's, which is installed into a folder of its own
	$(BIN)/python -m benchmarks.sdk $(BENCH)

bench-operator: venv cluster-tools ## Those of the operator; choose by BENCH="--only burst --runs 100"
	$(BIN)/python -m benchmarks.operator $(BENCH)
