# Works with GNU make 3.81 (macOS) and later. What needs an environment gets one; it is made anew when its lock changes.

PYTHON ?=
PORT ?= 8000
CASES ?=
ROUNDS ?= 2
KILLS ?= 200
INVOCATIONS ?= 60
EXPIRING ?= 10000
PROVIDERS ?= 50
CONNECTIONS ?=
DUE ?=
RECORD ?=
export PORT
BUILD_DIR ?= .aws-sam/build

ENVIRONMENT = PYTHON='$(PYTHON)' sh requirements/environment
RUN = .venv/bin/python
# SAM calls make again, which must not take this one's options for its own. Validation asks for a region, any will do.
# The layer's packages are installed with SAM's Python, which has pip for sure.
SAM = env -u MAKEFLAGS -u MAKELEVEL SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION="$${AWS_DEFAULT_REGION:-eu-central-1}" \
  PYTHON='$(CURDIR)/.venv-sam/bin/python' PYTHON313="$$(sh requirements/python313 || echo python3.13)" .venv-sam/bin/sam
# By itself it asks the network for its newest version.
CHECKOV = CKV_SKIP_PACKAGE_UPDATE_CHECK=true .venv-checkov/bin/checkov --config-file tests/template/checkov.yaml

.PHONY: help run test unit lint format catalogue contract browser screenshots faults bench build packaged validate locks clean run-environment test-environment sam-environment checkov-environment

help:
	@echo 'make run       the whole broker on this machine, with a demo provider (PORT=8000)'
	@echo 'make test      lint and all tests'
	@echo 'make unit      the tests without I/O'
	@echo 'make lint      ruff and mypy; make format lets ruff write'
	@echo 'make catalogue compile providers/*.yaml, after a change of one'
	@echo 'make contract  the tests of the OpenAPI description; CASES=500 makes more and other ones for each operation'
	@echo 'make browser   the tests of the console in Chromium; make screenshots makes the pictures in docs/console'
	@echo 'make faults    storms, kills and pauses at each step, judged by a provider that forgives nothing;'
	@echo '               ROUNDS=1 CONNECTIONS=50 KILLS=10 INVOCATIONS=12 EXPIRING=500 PROVIDERS=25 is the short form'
	@echo 'make bench     the benchmarks; CONNECTIONS=5000 DUE=1000 is a short form, RECORD=1 keeps what docs/scale.md shows'
	@echo 'make validate  check template.yaml as AWS would'
	@echo 'make build     build what sam deploy uploads'
	@echo 'make packaged  the tests of what make build builds, run as Lambda does (Linux)'
	@echo 'make locks     pin newer versions of everything that is installed (needs uv)'
	@echo 'make clean     remove what was made here'
	@echo 'PYTHON=…       the Python (3.11 or later) to use'

run: run-environment
	@exec $(RUN) -m local

test: lint
	$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile

unit: test-environment
	$(RUN) -m pytest tests/unit

lint: test-environment
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: test-environment
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

catalogue: test-environment
	PYTHONPATH=layers/oauth_broker $(RUN) -m providers.compile

contract: test-environment
	CASES='$(CASES)' $(RUN) -m pytest tests/contract

browser: test-environment
	$(RUN) -m pytest tests/browser -n 2 --dist loadfile

screenshots: test-environment
	$(RUN) -m pytest tests/browser/test_accessibility.py -k test_a_view --screenshots docs/console

faults: test-environment
	ROUNDS='$(ROUNDS)' CONNECTIONS='$(or $(CONNECTIONS),500)' KILLS='$(KILLS)' INVOCATIONS='$(INVOCATIONS)' \
	  EXPIRING='$(EXPIRING)' PROVIDERS='$(PROVIDERS)' $(RUN) -m pytest tests/faults -s

bench: test-environment
	CONNECTIONS='$(CONNECTIONS)' DUE='$(DUE)' RECORD='$(RECORD)' $(RUN) -m pytest tests/benchmarks -s

# Left out: WS1000 (tracing costs on each call), WS1004 (knows log groups by a fixed name only), ES6000 (would have dead
# letters of dead letters; tests/template holds queues to more). Checkov reads what CloudFormation gets. Its exit status
# is 0 also when it found no template: its counts decide.
validate: sam-environment checkov-environment
	$(SAM) validate --lint
	.venv-sam/bin/cfn-lint --append-rules cfn_lint_serverless.rules --ignore-checks WS1000 WS1004 ES6000 -- template.yaml
	@mkdir -p .cache
	.venv-sam/bin/python -m tests.template.print_transformed >.cache/transformed.json
	$(CHECKOV) --file .cache/transformed.json | tee .cache/checkov.txt
	@grep -q 'Passed checks: [1-9][0-9]*, Failed checks: 0,' .cache/checkov.txt

build: sam-environment
	$(SAM) build --build-dir '$(BUILD_DIR)'

packaged: test-environment sam-environment
	$(RUN) -m pytest tests/packaged

# Development must not run newer versions than AWS does, so the layer's lock comes first and binds the others.
COMPILE = uv pip compile --upgrade --quiet --generate-hashes --no-emit-index-url --no-header
UNIVERSAL = $(COMPILE) --universal --python-version 3.11

locks:
	@command -v uv >/dev/null || { echo 'make locks needs uv: pip install uv'; exit 1; }
	$(COMPILE) --python-version 3.13 --python-platform aarch64-manylinux2014 \
	  layers/oauth_broker/requirements.in -o layers/oauth_broker/requirements.txt
	$(UNIVERSAL) requirements/run.in -o requirements/run.txt
	$(UNIVERSAL) requirements/dev.in -o requirements/dev.txt
	$(UNIVERSAL) requirements/sam.in -o requirements/sam.txt
	$(UNIVERSAL) requirements/checkov.in -o requirements/checkov.txt
	$(UNIVERSAL) requirements/packaged.in -o requirements/packaged.txt

clean:
	rm -rf .venv .venv-sam .venv-checkov .aws-sam .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf tests/servers/oidc_provider/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

run-environment:
	@$(ENVIRONMENT) .venv requirements/run.txt

test-environment:
	@$(ENVIRONMENT) .venv requirements/run.txt requirements/dev.txt

sam-environment:
	@$(ENVIRONMENT) .venv-sam requirements/sam.txt

checkov-environment:
	@$(ENVIRONMENT) .venv-checkov requirements/checkov.txt
