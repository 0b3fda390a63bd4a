# What people and CI run. Everything that is made goes to ./build.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
PLATFORMS := linux/amd64 darwin/arm64 windows/amd64

GOLANGCI_VERSION := v2.15.0
GOLANGCI := build/bin/golangci-lint-$(GOLANGCI_VERSION)

# Packages that start goroutines, or are called by several at once.
CONCURRENT := ./internal/auth ./internal/bulk ./internal/detect ./internal/files ./internal/filter ./internal/httpapi ./internal/ingest ./internal/metrics \
	./internal/scan ./internal/schedule ./internal/source/zeek ./internal/store/... ./internal/survey ./internal/tail ./internal/tuning

BENCHTIME ?= 1s
FUZZTIME ?= 10s

.DELETE_ON_ERROR:
# Worlds to fit the rank on, and others to judge the fit by (seed numbers; 1-99 are for fitting, 201 on for docs/accuracy.md).
W := scenarios
FIT_TRAIN := $(W)/day.yaml:1-6,$(W)/day.yaml@vary:1-14,$(W)/day.yaml@pairs:1-3,$(W)/plain.yaml:1-4,$(W)/plain.yaml@vary:1-8,$(W)/plain.yaml@pairs:1-2,$(W)/quiet.yaml:1-4,$(W)/quiet.yaml@vary:1-6,$(W)/quiet.yaml@pairs:1-2,$(W)/crowd.yaml:1-3,$(W)/enterprise.yaml:1-4,$(W)/enterprise.yaml@vary:1-6,$(W)/enterprise-b.yaml:1-4,$(W)/bot-week.yaml:1-6,$(W)/internet-noise.yaml:1-10
FIT_HELD := $(W)/day.yaml:101-103,$(W)/day.yaml@vary:101-106,$(W)/day.yaml@pairs:101-101,$(W)/plain.yaml:101-102,$(W)/plain.yaml@pairs:101-101,$(W)/quiet.yaml:101-106,$(W)/quiet.yaml@vary:101-104,$(W)/quiet.yaml@pairs:101-101,$(W)/crowd.yaml:101-104,$(W)/crowd.yaml@vary:101-104,$(W)/crowd.yaml@pairs:101-101,$(W)/enterprise.yaml:101-102,$(W)/enterprise.yaml@vary:101-103,$(W)/enterprise-b.yaml:101-102,$(W)/bot-week.yaml:101-103,$(W)/internet-noise.yaml:101-110
FIT_CAPTURES := ctu-normal-days,m57-office-day,iot23-hakai-torii,emotet-icedid,njrat-reconnect,bab0-apt-http,suricata-iot-day,rat-short-pcaps

.PHONY: all build demo demo-serve demo-scan test test-integration lint format crossbuild layers generated bench bench-pages pgo fit accuracy fuzz check clean

all: build

## build: the program, ./build/fresnel; with CGO_ENABLED=0 without a C compiler, and without its database: all but serve
build:
	@mkdir -p build
	go build -trimpath -ldflags '$(LDFLAGS)' -o build/fresnel ./cmd/fresnel

## demo: build, serve a simulated day and the sample of this repository on loopback, and say what to open; DEMO_ARGS="-listen 127.0.0.1:9440 -ingest 127.0.0.1:9441" elsewhere
demo: build
	@go build -trimpath -o build/bin/demo ./deploy/demo
	@./build/bin/demo $(DEMO_ARGS)

demo-serve: demo

## demo-scan: build, and find the beacons in the sample of this repository
demo-scan: build
	@echo
	@./build/fresnel scan --quiet --output table --report build/demo.html testdata/sample
	@echo
	@echo "The same with pictures: $(CURDIR)/build/demo.html"
	@echo "All about one of them:  ./build/fresnel explain testdata/sample --group ws-04,spoolhost.exe"

## test: every test that needs no service, and those with goroutines once more under the race detector
test:
	go test -timeout 3m ./...
	FRESNEL_SHARED=none go test -short -timeout 5m -race $(CONCURRENT) # without the shared captures, which take minutes there
	./web/check

## test-integration: a browser, DuckDB and the other platforms; installs what it needs
test-integration: build
	./test/integration/setup
	./deploy/setup
	go test -tags integration -count=1 -timeout 20m -v ./test/integration ./deploy
	./web/e2e

## lint: format, vet, linters, layers, other platforms, go.mod, generated files
lint: format crossbuild layers generated
	go vet ./...
	go vet -tags integration ./test/... ./deploy/...
	go mod tidy -diff
	$(GOLANGCI) run ./...

format:
	@out=$$(gofmt -l cmd internal bench test testdata deploy web/*.go); if [ -n "$$out" ]; then echo "not formatted by gofmt:"; echo "$$out"; exit 1; fi

crossbuild:
	@mkdir -p build/cross
	@set -e; for p in $(PLATFORMS); do echo "build $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -trimpath -o build/cross/ ./cmd/fresnel; done

# The rules of imports, held against a tree that breaks each of them: one finding for each import there.
layers: $(GOLANGCI)
	@want=$$(cat $$(find testdata/lint -name '*.go') | grep -c '_ "'); \
	got=$$($(GOLANGCI) run --enable-only depguard ./testdata/lint/... 2>/dev/null | grep -c '(depguard)$$'); \
	if [ "$$got" != "$$want" ]; then echo "layers: got $$got findings of depguard in testdata/lint, want $$want"; exit 1; fi

# Files that are made from the code, compared with what is committed.
generated:
	go test ./internal/config ./internal/source/all ./internal/testkit/sample

$(GOLANGCI):
	GOBIN=$(CURDIR)/build/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv build/bin/golangci-lint $@

## bench: every benchmark, for BENCHTIME each, then whole processes side by side with DuckDB and gunzip
bench: build
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) ./...
	test -x build/venv/bin/python || python3 -m venv build/venv
	build/venv/bin/pip install --quiet duckdb==2.0.0
	go run ./bench/compare -program build/fresnel -python build/venv/bin/python

## bench-pages: the dashboards in Chromium over 100,000 findings of two weeks, and what is done on them
bench-pages: build
	[ -d web/node_modules ] || (cd web && npm ci --no-audit --no-fund --silent)
	go run ./bench/pages -program build/fresnel

## pgo: the profile that the compiler optimizes by, from scans of generated files
pgo:
	./bench/pgo

## accuracy: docs/accuracy.md, from simulated worlds and the shared captures; QUICK=1 takes one world of each kind
accuracy:
	go test ./internal/scan -count=1 -run TestKnownBeacons -update
	go run ./bench/accuracy $(if $(QUICK),-quick)

## fit: the points of the rank, from simulated worlds and the captures in ../shared; minutes the first time
fit:
	go run ./bench/fit -train $(FIT_TRAIN) -captures ../shared/data:$(FIT_CAPTURES) -held $(FIT_HELD) -out internal/rank/model.yaml -report docs/ranking-fit.md
	go test ./internal/rank -update

## fuzz: every fuzz target, for FUZZTIME each
fuzz:
	@set -e; grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' cmd internal | sort | \
	while IFS=: read -r file func; do \
		echo "$$(dirname $$file) $${func#func }"; \
		go test ./$$(dirname $$file) -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME); \
	done

## check: what CI runs
check: lint test test-integration

clean:
	rm -rf build
