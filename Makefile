# `make` alone tells what there is.
PORT ?= 8080
PYTHON := .venv/bin/python
PACKAGES := packages/mix_protocol packages/mix_tunnel packages/mix_fetch packages/mix_dns packages/mix_websocket \
	packages/mix_network packages/pytest_mix
# Tests that run at the same time; those of a file, which often share a network or a browser, run one after the other.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup playground test test-unit test-slow-judges interop interop-native check bench bench-docs privacy privacy-real soak \
	simulate-anonymity fuzz dist \
	screenshots docs tables simulate wasm lock clean

help: ## what each command does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## make everything that is needed; under a second when nothing is
	@scripts/setup

playground: setup ## a local mixnet, a demo site and the playground page at PORT (8080)
	@exec $(PYTHON) web/playground.py --port $(PORT)

test: setup ## every test: unit, property, vectors, simulation, network, interoperability, Pyodide, browser, packages
	$(PYTHON) -m pytest -q -n $(JOBS) --dist worksteal tests/unit tests/property tests/vectors tests/simulation
	$(PYTHON) -m pytest -q -n $(JOBS) --dist loadfile \
		tests/privacy tests/network tests/wasm tests/interop tests/pyodide tests/browser tests/packaging

test-unit: setup ## the tests that take seconds
	$(PYTHON) -m pytest -q -n $(JOBS) tests/unit tests/vectors

test-slow-judges: setup ## published crates, ten minutes to build, judge what nodes and directory answer; also docs/compatibility.md
	@MIX_SLOW_JUDGES=1 $(PYTHON) -m pytest -q --verdicts build/interop-apis.json tests/interop/test_api_crates.py; \
		asked=$$?; $(PYTHON) release/compatibility.py build/interop-apis.json && exit $$asked

interop-native: setup ## Nym's own native clients, an hour to build, judge our network; writes docs/compatibility.md
	@MIX_NATIVE_JUDGES=1 $(PYTHON) -m pytest -q --verdicts build/interop-native.json tests/interop/test_native_crates.py; \
		asked=$$?; $(PYTHON) release/compatibility.py build/interop-native.json && exit $$asked

interop: setup ## published packages, slow scenarios too, judge our network; writes docs/compatibility.md
	@$(PYTHON) -m pytest -q -n $(JOBS) --dist loadfile --verdicts build/interop.json tests/interop/test_published_scenarios.py \
		tests/interop/test_published_client.py tests/interop/test_messaging_sdk.py tests/interop/test_sphinx_crate.py \
		tests/interop/test_noise_crate.py; \
		asked=$$?; $(PYTHON) release/compatibility.py build/interop.json && exit $$asked

check: setup ## style, types, who imports whom
	$(PYTHON) -m ruff check --no-cache .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy $(addsuffix /src,$(PACKAGES)) examples
	.venv/bin/lint-imports
	node_modules/.bin/tsc --project tsconfig.json
	$(PYTHON) release/tables.py --check
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --quiet --strict

bench: setup ## measure, and write build/bench.json
	$(PYTHON) -m bench

bench-docs: ## write what was measured beside the published client into docs/performance.md
	@$(PYTHON) -m bench.docs

privacy: setup ## measure on a virtual clock what each place can tell, and write the tables of docs/privacy.md
	PYTHONPATH=tests $(PYTHON) -m support.vantage

privacy-real: setup ## the same of real clients, in 20 minutes of a quiet machine; may have to run as root
	PYTHONPATH=tests $(PYTHON) -m support.vantage --real

simulate: setup ## run 1 MB each way over slow links on a virtual clock, and write the table of docs/slow-links.md
	UPDATE_SNAPSHOTS=1 $(PYTHON) -m pytest -q -n $(JOBS) --dist worksteal tests/simulation/tunnel/test_slow_links.py
	@$(PYTHON) release/tables.py

soak: setup ## 50 clients, and a network in which one thing after another breaks, for some minutes; OPTIONS=--processes
	@$(PYTHON) -m soak $(OPTIONS)
	@$(PYTHON) -m soak.docs

simulate-anonymity: setup ## up to 1,000 nodes and 10,000 clients on a virtual clock; writes docs/anonymity.md and its plots
	@$(PYTHON) -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps --target build/plots/packages \
		--upgrade -r requirements/plots.lock || echo "matplotlib can't be installed here: the tables are written without plots"
	PYTHONPATH=tests:build/plots/packages $(PYTHON) -m research.anonymity $(OPTIONS)

fuzz: setup ## look for inputs that break what reads them, SECONDS (60) for each target; writes build/fuzz.json
	@$(PYTHON) -m pip --disable-pip-version-check install --quiet --require-hashes --target build/fuzz/packages --upgrade \
		-r requirements/fuzz.lock || echo "atheris can't be installed here: fuzzing goes on without guidance"
	PYTHONPATH=tests:build/fuzz/packages $(PYTHON) -m fuzz --seconds $(or $(SECONDS),60)

dist: setup ## wheels, npm tarballs and a folder for Pyodide, in build/dist
	@$(PYTHON) release/make_dist.py

screenshots: setup ## take the pictures in docs/pictures again
	@$(PYTHON) web/screenshots.py

docs: setup ## the book, in build/site
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --quiet --strict

tables: setup ## write the tables of options in README files and the book again, from the source
	@$(PYTHON) release/tables.py

wasm: ## build the Pyodide wheels again, with the newest Debian sources
	$(PYTHON) wasm/build_wheels.py build/wheels --refresh

lock: ## write the lock files in requirements again
	$(PYTHON) -m pip --disable-pip-version-check install --quiet --target build/uv uv
	build/uv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-header --no-annotate \
		requirements/dev.in -o requirements/dev.lock
	sed -i '1i # Written by `make lock` from dev.in.' requirements/dev.lock
	build/uv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-header --no-annotate \
		requirements/fuzz.in -o requirements/fuzz.lock
	sed -i '1i # Written by `make lock` from fuzz.in.' requirements/fuzz.lock
	build/uv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c requirements/dev.lock requirements/plots.in -o requirements/plots.lock
	sed -i '1i # Written by `make lock` from plots.in.' requirements/plots.lock

clean: ## remove what was built (not the caches outside the tree)
	rm -rf .venv node_modules build web/dist
