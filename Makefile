# make repro   environment, then the whole pipeline of params.yaml
# make check   environment with the test tools, then format, style and types
# make test    the same environment, then every test
# make ui      MLflow's page: compare runs; PORT=number (5000)
# make promote champion against challenger: the export becomes champion if it is better
# make rollback the champion before the present one is champion again
# make retrain new data, training, gate, push, branch, champion; RECIPE=name OPEN=1 (pull request)
#              RECENT=images: only if these have moved away from the training
# make stale   is the champion too old? DAYS=45 OPEN=1 (issue)
# make pretrained a model of the package: NAME WEIGHTS IMAGES MASKS MEASURED_ON CALIBRATION
#              [SETTINGS] [DEVELOPMENT]
# make image   the images of the Dockerfile; TARGET=name: that one
# make audit   known vulnerabilities of the locked packages
# make lock    renew requirements*.txt from pyproject.toml
# make deps    renew the code that each stage of dvc.yaml depends on

PYTHON ?= python3
# What must be there before anything runs; empty in an image, which brings its environment.
READY ?= .venv/.ready
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/src

.PHONY: repro check test ui promote rollback retrain stale pretrained storage image audit lock deps env

repro: $(READY)
	@git rev-parse --git-dir >/dev/null 2>&1 || { echo "make repro: this folder is not a git\
	 repository, which DVC needs: clone the project, or run 'git init && git add . &&\
	 git commit -m start' here."; exit 1; }
	python -m dvc repro

check: .venv/.ready-test
	python -m ruff format --check .
	python -m ruff check .
	python -m mypy

test: .venv/.ready-test
	python -m pytest

# The shell, not make, reads the variables: whatever they hold stays one word.
ui: $(READY)
	@python -m clearbg ui $${PORT:+--port "$$PORT"}

promote: $(READY)
	python -m clearbg promote $${DRY_RUN:+--dry-run}

rollback: $(READY)
	python -m clearbg promote --rollback

retrain: $(READY)
	python -m clearbg retrain $${RECIPE:+--recipe "$$RECIPE"} \
	  $${RECENT:+--recent "$$RECENT"} $${OPEN:+--open}

stale: $(READY)
	python -m clearbg stale $${DAYS:+--days "$$DAYS"} $${OPEN:+--open}

pretrained: $(READY)
	python pipelines/pretrained.py "$$NAME" --weights "$$WEIGHTS" --images "$$IMAGES" \
	  --masks "$$MASKS" --measured-on "$$MEASURED_ON" --calibration "$$CALIBRATION" \
	  $${SETTINGS:+--settings "$$SETTINGS"} $${DEVELOPMENT:+--development "$$DEVELOPMENT"}

image:
	for target in $${TARGET:-train serve mlflow}; do \
	  docker build --target $$target --tag clearbg-$$target --build-arg UID="$$(id -u)" . || exit 1; \
	done

audit: .venv/.ready-test
	python -m pip_audit --progress-spinner off --disable-pip --require-hashes \
	  $(addprefix -r ,$(wildcard requirements*.txt))

env: $(READY)

# What DVC needs for a remote on S3.
storage: $(if $(READY),.venv/.ready-storage)

.venv/.ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	|| { echo "make: ClearBG needs Python 3.11 to 3.13; name one: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	python pipelines/plots.py
	@touch $@

.venv/.ready-storage: .venv/.ready requirements-storage.txt
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-storage.txt
	@touch $@

.venv/.ready-test: .venv/.ready requirements-test.txt
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.txt
	@touch $@

deps: $(READY)
	python -m clearbg.system.code

lock: .venv/.ready-test
	python -m uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --extra train pyproject.toml -o requirements.txt
	python -m uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --extra test -c requirements.txt pyproject.toml \
	  -o requirements-test.txt
	for group in storage serve mlflow; do \
	  python -m uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" --group $$group -c requirements-test.txt \
	    -o requirements-$$group.txt || exit 1; \
	done
