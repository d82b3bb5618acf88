# Backplane: everything a developer or operator runs.
# `make` or `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# OpenSSL from the system saves three minutes of building it; a release always brings its own.
ifneq ($(wildcard /usr/include/openssl/ssl.h),)
export OPENSSL_NO_VENDOR ?= 1
endif

CARGO ?= cargo
DATA ?= ./data
# How `make run` builds: `make run PROFILE=dev` is ready sooner and runs slower.
PROFILE ?= release

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Build and serve on http://127.0.0.1:8080 with sample postings, everything in ./data
	BACKPLANE_DATA_DIR=$(DATA) $(CARGO) run --profile $(PROFILE) --package backplane -- serve --samples

.PHONY: demo
demo: ## Play the whole journey on sample data and print each step
	$(CARGO) run --package backplane -- demo

.PHONY: test
test: ## Run every test, on SQLite and on PostgreSQL
	scripts/with-postgres scripts/run-tests

# How long `make chaos` goes on: faults for each database.
ROUNDS ?= 100

.PHONY: chaos
chaos: ## Let everything fail under load, ROUNDS=100 times for each database, and count what was lost
	$(CARGO) build --package backplane
	BACKPLANE_TEST_CHAOS_ROUNDS=$(ROUNDS) scripts/with-postgres $(CARGO) test --package backplane-tests --test chaos --test disk --test nodes -- --nocapture --test-threads 1 2> >(grep -v '^board: ' >&2)

.PHONY: lint
lint: ## Formatting, clippy, documentation, dependency arrows, unused and unwanted dependencies, house words, named tests
	$(CARGO) fmt --all --check
	scripts/check-arrows
	scripts/check-unused
	scripts/check-words
	scripts/check-proof
	scripts/check-dependencies
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items

.PHONY: browse
browse: ## Sign in like a person: a real browser with passkeys, and a real identity provider
	scripts/browse

.PHONY: accept
accept: ## Judge the program from outside with the tools in ../shared, where they are
	scripts/accept

.PHONY: attack
attack: ## Attack the running program with what its OpenAPI document says and does not say
	scripts/attack

# How long `make fuzz` looks at each parser, in seconds.
SECONDS ?= 60

.PHONY: fuzz
fuzz: ## Let libFuzzer look for what breaks each parser, SECONDS=60 each
	scripts/fuzz $(SECONDS)

.PHONY: audit
audit: ## Ask cargo-deny about licences, sources and advisories of dependencies; builds it first
	scripts/audit

.PHONY: bench
bench: ## Measure and print figures
	scripts/bench

.PHONY: eval
eval: ## Judge recognition of disciplines, seniority, workplace and pay against labelled postings
	scripts/eval

.PHONY: fmt
fmt: ## Format the sources
	$(CARGO) fmt --all

.PHONY: docs
docs: ## Build the documentation of the crates
	$(CARGO) doc --workspace --no-deps
	@echo "Open target/doc/backplane/index.html"

.PHONY: release
release: ## Build the program that is given to others: static libraries, optimised
	env -u OPENSSL_NO_VENDOR $(CARGO) build --release --locked --package backplane

.PHONY: clean
clean: ## Remove what was built; ./data stays
	$(CARGO) clean
