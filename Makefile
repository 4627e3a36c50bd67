TOOL   := go tool -modfile=tools/go.mod
WITH   := testdata/engines/with.sh
FUZZ   ?= 5m
MINUTES ?= 2
DOCGW  := testdata/engines/docgw
ENGINES = $${TMPDIR:-/tmp}/writegate-engines-$$(id -u)

# How many packages are tested at a time: half as many again as there are processors, since they wait for databases a third of
# their time.
AT_ONCE := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)))

# Runs the tests, then lists the databases whose conformance suite ran as a whole, and fails if one of these did not.
ran = dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && WRITEGATE_TEST_RAN="$$dir" $(1) && go run ./internal/engines ran "$$dir" $(2)

.PHONY: help dev breaker drill test test-compose lint check fuzz bench verify e2e vuln engines-up engines-down clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: ## run the gateway on SQLite, with a token and a curl to paste
	go run ./cmd/writegate dev

test: ## install what is missing, start the databases, run every test with the race detector
	go test -run Allocations ./policy/... # the race detector allocates, too
	$(call ran,$(WITH) go test -race -p $(AT_ONCE) -timeout 20m ./...,memory sqlite $(if $(CI),postgresql mysql mariadb "documentdb|mongodb"))

test-compose: ## every test on the databases of docker-compose.yml, SQL Server and mongod among them
	$(call ran,WRITEGATE_TEST_COMPOSE=1 WRITEGATE_TEST_ALL=1 $(WITH) go test -race -timeout 30m ./...,memory sqlite postgresql mysql mariadb mongodb "microsoft|sql")

check: ## what needs no database: format, vet, lint, unit tests
	$(TOOL) golangci-lint fmt --diff
	go vet ./...
	$(TOOL) golangci-lint run
	go test ./...

lint: ## format and lint, nothing is changed
	$(TOOL) golangci-lint fmt --diff
	$(TOOL) golangci-lint run
	cd $(DOCGW) && go tool -modfile=../../../tools/go.mod golangci-lint fmt --diff
	cd $(DOCGW) && go tool -modfile=../../../tools/go.mod golangci-lint run

fuzz: ## every fuzz target, FUZZ=5m in all
	testdata/engines/fuzz.sh $(FUZZ)

bench: ## decisions beside bare CEL and tokens beside bare golang-jwt, then the upload path beside bare pgx on a Postgres of its own
	go test -run '^$$' -bench BesideBare -benchtime 3s ./policy ./auth
	WRITEGATE_ENGINES=postgres $(WITH) go run ./bench

e2e: ## the real PowerSync client against the real binary
	$(WITH) go test -count=1 -timeout 20m -v ./e2e

breaker: ## for MINUTES=2, break daemons and databases in every way, and look whether a write was lost or doubled
	WRITEGATE_BREAKER_MINUTES=$(MINUTES) go test -count=1 -timeout $$(($(MINUTES) + 15))m -v -run TestBreaker ./breaker

drill: ## rotate the signing keys of three replicas while 20 clients sign and verify, by schedule and in an emergency
	WRITEGATE_VERIFY=1 $(WITH) go test -count=1 -timeout 10m -v -run TestDrill ./auth/keys

vuln: ## known vulnerabilities in what we import; says so when the database can't be reached
	$(TOOL) govulncheck ./...

verify: ## 200 rounds of each race, 10,000 random policies on each database, then faults that tests must notice, outages, 25 kills of the daemon in each way, faults that the breaker must find, and the breaker for half an hour
	WRITEGATE_VERIFY=1 $(WITH) go test -count=1 -timeout 150m -v -run 'TestContract/(race|pitfall)|TestContract/(mysql|mariadb)/(race|pitfall)' ./appliers/...
	WRITEGATE_VERIFY=1 WRITEGATE_KILLS=25 $(WITH) go test -count=1 -timeout 150m -v ./faults
	WRITEGATE_VERIFY=1 go test -count=1 -timeout 90m -v -run 'TestPlanted|TestHerd' ./breaker
	$(MAKE) drill
	$(MAKE) breaker MINUTES=30

engines-up: ## start the test databases and print the variables to export
	@mkdir -p "$(ENGINES)" && chmod 755 "$(ENGINES)" && testdata/engines/engines.sh up "$(ENGINES)"

engines-down: ## stop what engines-up started
	@testdata/engines/engines.sh down "$(ENGINES)" && rm -rf "$(ENGINES)"

clean: ## remove what builds and runs leave in the tree
	rm -rf bin writegate writegate-data testdata/e2e/node_modules
	go clean -testcache
