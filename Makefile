# Placet. `make help` lists the targets. Every path here is relative: the checkout's own path may hold spaces.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Always `python -m tool`: a script in .venv/bin names its interpreter by path, which a long or odd path breaks.
RUN := .venv/bin/python -m
MANAGE := .venv/bin/python manage.py
STAMPS := .venv/.stamps
ARGS ?=
# A machine that forbids compiled files makes every process that is started, and pytest's own asserts, compile anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-check up test test-fast test-spark prove mlflow-range check fmt messages bench clean lock \
  setup-dev lint types imports templates migrations deploy-check yaml spelling lock-check client-build licences sbom audit

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | while IFS= read -r line; do \
	  printf '  \033[1m%-13s\033[0m %s\n' "$${line%%:*}" "$${line#*## }"; done

setup: $(STAMPS)/app ## Make .venv and install the locked packages and native libraries (done by the others when needed).
	@echo "placet: set up. make demo shows it, make up runs it."

setup-dev: $(STAMPS)/dev ## The same with what tests and checks need, Chromium included.

demo: $(STAMPS)/app ## A credit model goes to production through the gate; then the web UI stays up. Ctrl-C stops it.
	$(RUN) examples.credit.demo $(ARGS)

demo-check: $(STAMPS)/app ## The same without people: exits non-zero unless every step comes out as it should.
	$(RUN) examples.credit.demo --check $(ARGS)

up: $(STAMPS)/app ## Start all processes on this machine (PostgreSQL and Valkey too, unless DATABASE_URL/REDIS_URL are set).
	$(RUN) governance.common.embedded up $(ARGS)

test: $(STAMPS)/dev ## Every test, browser included. ARGS="-k words" narrows it.
	$(RUN) pytest -m "not e2e" -n 2 $(ARGS) || [ $$? -eq 5 ] # 5: ARGS chose no test here
	$(RUN) pytest -m e2e $(ARGS) || [ $$? -eq 5 ] # the whole stack fills both cores, so nothing runs beside it

test-fast: $(STAMPS)/dev ## The tests of under a minute.
	$(RUN) pytest -m "not slow and not e2e" -n 2 $(ARGS)

test-spark: $(STAMPS)/spark ## Spark counts records as DuckDB does; installs pyspark (450 MB) and sees to a Java for that.
	$(RUN) pytest tests/monitoring/test_spark_counts.py $(ARGS)

prove: $(STAMPS)/dev $(STAMPS)/native-prove ## The promises at full counts (crashes, races, flips); takes long.
	PLACET_PROVE=1 $(RUN) pytest $(ARGS)
	.venv/bin/python scripts/mlflow_range.py
	$(MAKE) test-spark

mlflow-range: $(STAMPS)/dev ## Placet against the oldest and the newest MLflow that it supports; installs them for that.
	.venv/bin/python scripts/mlflow_range.py $(ARGS)

bench: $(STAMPS)/dev ## Measure every figure that the README claims.
	$(RUN) benchmarks $(ARGS)

check: lint types imports templates migrations deploy-check yaml spelling lock-check licences client-build ## Everything below.
	@echo "check: all passed"

lint: $(STAMPS)/dev ## ruff: rules and formatting.
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types: $(STAMPS)/dev ## mypy, strict.
	$(RUN) mypy

imports: $(STAMPS)/dev ## import-linter: the one dependency line and the other contracts.
	.venv/bin/python -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

templates: $(STAMPS)/dev ## djlint: rules and formatting of the templates.
	$(RUN) djlint templates --quiet --lint
	$(RUN) djlint templates --check

# Neither needs a database: an address where nothing listens, so that no stranger's server is asked either.
migrations: $(STAMPS)/dev ## Every model change has its migration.
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/none .venv/bin/python -W ignore::RuntimeWarning \
	  manage.py makemigrations --check --dry-run

deploy-check: $(STAMPS)/dev ## Django's own check of production settings.
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 \
	  PLACET_BASE_URL=https://placet.example PLACET_ALLOWED_HOSTS=placet.example PLACET_DEBUG=0 PLACET_SECOND_FACTOR=everyone \
	  PLACET_SECRET_KEY="$$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	  $(MANAGE) check --deploy --fail-level WARNING

yaml: $(STAMPS)/dev ## yamllint.
	find . \( -name '.?*' -o -name var -o -name node_modules \) -prune -o \( -name '*.yml' -o -name '*.yaml' \) -print0 \
	  | xargs -0 $(RUN) yamllint --strict --config-file scripts/yamllint.yaml

spelling: $(STAMPS)/dev ## codespell.
	$(RUN) codespell_lib

lock-check: $(STAMPS)/dev ## The lock files are what pyproject.toml resolves to.
	.venv/bin/python scripts/check_lock.py

licences: $(STAMPS)/dev ## Every dependency and copied file has a licence that fits Apache-2.0.
	.venv/bin/python scripts/licences.py

client-build: $(STAMPS)/dev ## The published package builds.
	@out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; \
	  bash scripts/uv.sh build --quiet --offline --wheel --no-build-isolation --out-dir "$$out" ./client && ls "$$out"

sbom: $(STAMPS)/dev ## Write the bill of materials, var/sbom.cdx.json (CycloneDX 1.6). ARGS=PATH writes another file.
	.venv/bin/python scripts/sbom.py $(ARGS)

# Not in `check`: what is known changes by the day, so the same commit would pass today and fail tomorrow.
audit: $(STAMPS)/dev ## Ask the Python advisory database about every locked package. Needs the internet, so no part of check.
	$(RUN) pip_audit --strict --require-hashes --disable-pip --requirement requirements.lock $(ARGS)

messages: $(STAMPS)/dev ## Write what documents say into reports/documents/locale/documents.pot, for translators.
	.venv/bin/python scripts/messages.py

fmt: $(STAMPS)/dev ## Format code and templates, and mend what ruff can mend by itself.
	$(RUN) ruff check --fix-only .
	$(RUN) ruff format .
	$(RUN) djlint templates --quiet --reformat || true

lock: $(STAMPS)/venv ## Resolve pyproject.toml anew into the lock files, keeping the pins that still fit.
	bash scripts/uv.sh pip compile --quiet --universal --python-version 3.11 pyproject.toml --extra dev \
	  --generate-hashes --no-emit-index-url --output-file requirements-dev.lock
	bash scripts/uv.sh pip compile --quiet --universal --python-version 3.11 pyproject.toml \
	  --constraint requirements-dev.lock --generate-hashes --no-emit-index-url --output-file requirements.lock
	bash scripts/uv.sh pip compile --quiet --universal --python-version 3.11 pyproject.toml --extra spark \
	  --constraint requirements-dev.lock --generate-hashes --no-emit-index-url --output-file requirements-spark.lock

clean: ## Remove what can be made again: .venv, caches, the tests' servers. Your data and keys in var/ stay.
	rm -rf .venv var/test .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis client/build client/dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv: scripts/venv.sh scripts/uv.lock
	@bash scripts/venv.sh
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/native: scripts/native.sh scripts/apt.sh | $(STAMPS)/venv
	@bash scripts/native.sh
	@touch $@

$(STAMPS)/native-dev: scripts/native.sh scripts/apt.sh | $(STAMPS)/venv
	@bash scripts/native.sh tests
	@touch $@

$(STAMPS)/native-spark: scripts/native.sh scripts/apt.sh | $(STAMPS)/venv
	@bash scripts/native.sh spark
	@touch $@

$(STAMPS)/native-prove: scripts/native.sh scripts/apt.sh | $(STAMPS)/venv
	@bash scripts/native.sh prove
	@touch $@

$(STAMPS)/app: requirements.lock client/pyproject.toml scripts/install.sh $(STAMPS)/venv | $(STAMPS)/native
	@bash scripts/install.sh app

$(STAMPS)/dev: requirements-dev.lock client/pyproject.toml scripts/install.sh $(STAMPS)/venv | $(STAMPS)/native-dev
	@bash scripts/install.sh dev

$(STAMPS)/spark: requirements-spark.lock $(STAMPS)/dev | $(STAMPS)/native-spark
	@bash scripts/install.sh spark
