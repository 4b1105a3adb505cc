# One environment, made once. `make audit` and `make test` are all the set-up there is.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOGS ?= fixtures/captures/python-segment.jsonl
POLICY ?= appsmith/2020-11
TESTS ?=

NODE_SDKS := @segment/analytics-node analytics-node @rudderstack/rudder-sdk-node @segment/analytics-next
AXE := axe-core@4

.DEFAULT_GOAL := help
.PHONY: help audit test lint check format reports docs bench coverage proof clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(BIN)/telemetry-audit: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(BIN)/telemetry-audit
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

audit: $(BIN)/telemetry-audit  ## audit a shipped capture, or yours: make audit LOGS=my.jsonl
	@$(BIN)/telemetry-audit check $(LOGS) --policy $(POLICY); code=$$?; \
	case $$code in 1|3|4) echo "(exit code $$code: see above)";; *) exit $$code;; esac

test: $(VENV)/.dev  ## install what tests need and run them
	$(BIN)/python -m pytest -n auto $(TESTS)

lint: $(VENV)/.dev  ## format, lint, types, floors, derived pages and example reports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.make_reports --check
	$(BIN)/python -m tests.make_docs --check

check: lint  ## everything that CI checks, with coverage
	$(BIN)/python -m pytest -n auto --cov --cov-report=term:skip-covered

coverage: $(VENV)/.dev  ## branch coverage of the tests
	$(BIN)/python -m pytest -n auto --cov --cov-branch --cov-report=term:skip-covered

format: $(VENV)/.dev  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reports: $(VENV)/.dev  ## write the example reports anew
	$(BIN)/python -m tests.make_reports

docs: $(VENV)/.dev  ## write the derived pages and tables anew
	$(BIN)/python -m tests.make_docs

bench: $(VENV)/.dev  ## measure speed and memory (minutes)
	$(BIN)/python -m tests.bench

proof: $(VENV)/.dev  ## the long proofs: everything of `check`, and the benchmark on a million events
	$(MAKE) check
	$(BIN)/python -m tests.bench --events 1000000
	$(BIN)/python -m tests.bench.reports
	$(BIN)/python -m tests.bench.captures
	KILLS=20 $(BIN)/python -m pytest tests/test_processes.py tests/test_dask.py -k killed
	EVENTS=100000 $(BIN)/python -m pytest tests/test_clean_traffic.py
	FILES=100000 $(BIN)/python -m pytest tests/test_processes.py -k very_many
	OBJECTS=1000 $(BIN)/python -m pytest tests/test_objects.py -k many
	$(BIN)/python -m pip install --quiet --only-binary :all: --group fuzz
	$(BIN)/python -m tests.fuzz --seconds 600
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix .proof $(NODE_SDKS) $(AXE); fi
	TELEMETRY_AUDIT_PROOF=1 $(BIN)/python -m pytest tests/test_proxy.py tests/test_proxy_node.py
	TELEMETRY_AUDIT_PROOF=1 $(BIN)/python -m pytest tests/test_browser.py
	$(BIN)/python -m tests.bench.live

clean:  ## remove the environment and caches
	rm -rf $(VENV) .proof .mypy_cache .ruff_cache .hypothesis build dist
