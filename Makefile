# `make run` opens the app, `make test` runs the tests; each sets up all it needs.
.PHONY: help setup run test test-slow check format bench bench-load bench-door versions screenshots image image-test lock clean

# Streamlit and MLflow are slow to start where Python may not keep what it compiled, as images often ask it to: seconds for each
# process, of which there are hundreds in the tests.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
PORT ?= 8501
ADDRESS ?= 127.0.0.1
PYTHON3 ?= python3
# Two tests at a time, those of a file one after another: they share servers.
WORKERS ?= -n 2 --dist loadfile
COMPILE := .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
    --no-emit-find-links --python-version 3.11

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST)

.venv/installed.txt: requirements.txt scripts/setup.sh
	@sh scripts/setup.sh

setup: .venv/installed.txt  ## make .venv with every pinned package, test dependencies included

run: setup  ## set up and open the app at http://localhost:8501
	@$(PY) -m attendance models --prepare
	@.venv/bin/streamlit run attend_app.py --server.port $(PORT) --server.address $(ADDRESS) --browser.serverAddress localhost

test: setup  ## set up and run the tests
	@$(PY) -m pytest $(WORKERS)

test-slow: setup  ## kills, faults and long fuzzing: several minutes
	@$(PY) -m pytest -m slow $(WORKERS)

check: setup  ## formatting, rules, types, structure
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

format: setup  ## put the code into shape
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

bench: setup  ## measure against facenet-pytorch, dlib, FAISS and MLflow; writes bench/results.json and docs/benchmarks.md
	@$(PY) -m bench

bench-load: setup  ## 20 kiosks at one server process, and the same job done in Streamlit's own script thread
	@$(PY) -m bench.load

bench-door: setup  ## from standing in front of the camera to "Checked in", and where the time goes
	@$(PY) -m bench.door

versions: setup  ## save a version of the data, and push it
	@$(PY) -m attendance versions save

screenshots: setup  ## every page and state at four sizes, light and dark, into build/screenshots
	@$(PY) -m pytest -m screenshots tests/browser

image:  ## build the container image with docker, podman or buildah
	@$(PYTHON3) scripts/image.py build

image-test: setup  ## run the image on an empty volume, check in, and start a new container on what it kept
	@$(PY) scripts/image.py test

lock: setup  ## compile requirements.txt from pyproject.toml
	@$(COMPILE) --upgrade --extra dvc --extra export --extra mlflow --extra openvino --group test pyproject.toml -o requirements.txt
	@$(COMPILE) --constraint requirements.txt --extra export pyproject.toml -o requirements-models.txt
	@$(COMPILE) --constraint requirements.txt pyproject.toml -o requirements-image.txt

clean:  ## remove the environment and caches; people and records in data/ stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
