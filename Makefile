# Everything a developer or an operator runs. `make help` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
TOOLS := -modfile=internal/tools/go.mod
SOURCES := $(shell find . -name '*.go' -not -name '*_test.go' -not -path './_build/*' -not -path './node_modules/*') \
	$(shell find internal/postgres -name '*.sql') go.mod sdkinstrumentation/go.mod
MODULES := . sdkinstrumentation

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What makes a first build on two cores faster, without changing what runs: no debug information, which would be stripped
# anyway, and a compiler that collects its garbage less often. Both programs share the compiled packages.
GCFLAGS := all=-dwarf=false
FAST := GOGC=400

.PHONY: build
build: ## build bin/mirrorball (the collector) and bin/mirrorctl
	@$(MAKE) --no-print-directory -j2 bin/mirrorball bin/mirrorctl

bin/mirrorball: $(SOURCES) builder-config.yaml
	@mkdir -p _build bin
	$(FAST) GOWORK=off go tool $(TOOLS) builder --config builder-config.yaml --gcflags "$(GCFLAGS)"
	@mv _build/mirrorball bin/mirrorball

bin/mirrorctl: $(SOURCES)
	@mkdir -p bin
	$(FAST) CGO_ENABLED=0 go build -trimpath -gcflags "$(GCFLAGS)" -o bin/mirrorctl ./cmd/mirrorctl

.PHONY: demo
demo: build postgres ## start everything with 60 days of usage and live traffic (DEMO_SECONDS=30 ends by itself)
	@scripts/demo.sh

.PHONY: test
test: postgres lint build ## run all checks and tests: lint, units with -race, end to end
	cd sdkinstrumentation && go test -race ./...
	go test -race $$(go list ./... | grep -v /e2e)
	go test -count=1 -p 1 ./e2e/...

.PHONY: lint
lint: ## go vet, staticcheck, gofmt
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	@for m in $(MODULES); do (cd $$m && go vet ./...) || exit 1; done
	@go build $(TOOLS) -o bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	@for m in $(MODULES); do (cd $$m && $(CURDIR)/bin/staticcheck ./...) || exit 1; done

.PHONY: generate
generate: ## regenerate what mdatagen writes
	go generate ./...

.PHONY: verify
verify: generate ## regenerate and fail when something changed
	git diff --exit-code

.PHONY: bench
bench: postgres build ## measure the whole way beside raw COPY, in 45 minutes at most (BENCH_EVENTS=1000000 for daily work)
	scripts/bench.sh

.PHONY: chaos
chaos: postgres build ## kill everything at any moment, and count what was lost, doubled or forged
	scripts/chaos.sh

.PHONY: access
access: postgres build ## 1,000 revocations, 200 rotations, limits and a million guessed keys, on three collectors, in half an hour
	MIRRORBALL_ACCESS_FULL=1 go test -count=1 -p 1 -timeout 30m -v -run 'TestRevoked|TestRotation|TestHourly|TestMemoryThatGuesses' ./e2e
	MIRRORBALL_ACCESS_FULL=1 GOGC=400 go test -count=1 -timeout 60m -v -run TestGuessedKeys ./internal/httpapi # GOGC: as in the collector

.PHONY: postgres
postgres: ## install Postgres 15 or later with apt where there is none
	@scripts/ensure-postgres.sh

.PHONY: clean
clean: ## remove what was built (data stays)
	rm -rf bin _build
