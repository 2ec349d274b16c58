# make repro   environment, then the whole pipeline of params.yaml
# make test    environment with the test tools, then every test
# make ui      MLflow's page: compare runs (http://127.0.0.1:5000)
# make lock    renew requirements*.txt from pyproject.toml

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/src

.PHONY: repro test ui lock env

repro: .venv/.ready
	@git rev-parse --git-dir >/dev/null 2>&1 || { echo "make repro: this folder is not a git\
	 repository, which DVC needs: clone the project, or run 'git init && git add . &&\
	 git commit -m start' here."; exit 1; }
	python -m dvc repro

test: .venv/.ready-test
	python -m pytest

ui: .venv/.ready
	@echo "runs: http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning"
	MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
	python -m mlflow ui --backend-store-uri sqlite:///mlflow.db --port 5000 --workers 1

env: .venv/.ready

.venv/.ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
	|| { echo "make: ClearBG needs Python 3.11 or 3.12; name one: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.ready-test: .venv/.ready requirements-test.txt
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.txt
	@touch $@

lock: .venv/.ready-test
	python -m uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	python -m uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --extra test -c requirements.txt pyproject.toml \
	  -o requirements-test.txt
