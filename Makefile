# Every command of the repository. `make help` lists them; each does the set-up it needs.
BUN := node_modules/@oven/bun-linux-x64/bin/bun
# Downloads and builds: nothing else is written outside the checkout.
export KUBENEST_CACHE ?= $(HOME)/.cache/kubenest
export PATH := $(CURDIR)/node_modules/@oven/bun-linux-x64/bin:$(PATH)
# Words for `kubenest lab demo`, for example DEMO_FLAGS=--no-vm.
DEMO_FLAGS ?=

.PHONY: help setup setup-base ok test test-vm prove demo build build-x64 images bench fmt clean
.DEFAULT_GOAL := help

help: ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## Install what is missing: Debian packages (root or sudo), then pinned npm packages
	@tools/setup.sh base kube light vm engines

setup-base:
	@tools/setup.sh base

ok: setup-base ## The gate, under 2 minutes: checks, unit and contract tests, short simulation
	@$(BUN) tools/test.ts checks ok

test: setup build-x64 ## What CI runs: the gate, component tests, a real API server, a virtual node
	@dist/linux-x64/kubenest lab prepare --vm
	@$(BUN) tools/test.ts checks ok component kube vm

test-vm: setup build-x64 ## Of it, one virtual node: upgrade, power cut, rollback, two bad versions
	@$(BUN) tools/test.ts vm

prove: setup build-x64 ## The long form of the proof (docs/en/reliability.md): hours
	@KUBENEST_PROVE=1 $(BUN) tools/test.ts prove

demo: setup build-x64 ## Watch one kubectl apply upgrade a fleet and roll it back (DEMO_FLAGS=--no-vm)
	@dist/linux-x64/kubenest lab demo $(DEMO_FLAGS)

build: setup-base ## Executables for linux-x64 and linux-arm64 into dist/
	@$(BUN) tools/build.ts

build-x64: setup-base
	@$(BUN) tools/build.ts --target linux-x64

images: setup build-x64 ## Container images of operator and proxy as OCI archives into dist/images/
	@dist/linux-x64/kubenest images --executable dist/linux-x64/kubenest-cluster --out dist/images

bench: setup build-x64 ## Measure speed and memory, about 8 minutes (root, for one bench in a cgroup)
	@$(BUN) bench/src/main.ts --dist dist/linux-x64

fmt: setup-base ## Format code, wrap comments, write generated files
	@$(BUN) tools/wrap-comments.ts
	@$(BUN) tools/generate-crds.ts
	@$(BUN) fmt '**/*.ts'

clean: ## Remove what was built here; downloads stay in KUBENEST_CACHE
	@rm -rf dist
	@echo 'Downloads and builds are kept in $(KUBENEST_CACHE); remove that folder to start afresh'
