# Needs make and Python 3.11 or newer; everything else is put into .venv, at the versions and
# hashes of the requirements*.lock files. Every target sets itself up.
#
#   make run        index seeds/, search it three ways, serve the API and the page
#   make test       lint, types and every test          make test-fast   without the slow ones
#   make lint       ruff, mypy, bandit                  make bench       the benchmarks
#   make attack     kills, damage, silent connections: what becomes of an index and a server
#                   (ten minutes; ATTACK=--quick is two, ATTACK=kills one of them, ATTACK=--help)
#   make fuzz       a million inputs for the parser, the analysers and every reader of files
#                   (FUZZ=10000000: more of them; twenty minutes on two cores)
#   make audit      known holes of what is locked, where pip-audit can be had and its service reached
#   make lock       write the lock files anew           make clean       remove all that was made
#
#   ENGINE=elasticsearch   `make run` with that engine, on the server FIHRIS_ELASTICSEARCH_URL
#                      names or else on one started for it, whose data goes when it ends
#   TEST_TORCH=1       also installs sentence-transformers and tests that model (gigabytes)
#   TEST_FRAMEWORKS=1      also installs LangChain, LlamaIndex and Haystack (half a minute, 250 MB)
#                          and tests the retrievers for them
#   REQUIRE_BROWSER=1  a missing Chromium is a failure instead of a skipped test
#   REQUIRE_DOCKER=1   a missing Docker engine is a failure instead of skipped tests
#   PYTHON=python3.12  the interpreter to use

.POSIX:
.PHONY: run session test test-fast lint bench attack fuzz audit lock clean setup setup-dev

VENV = .venv
BIN = $(VENV)/bin
# --no-deps: the locks name everything there is to install.
PIP = PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --no-deps --require-hashes
# Inside the repository, so that nothing depends on a home folder that can be written. The shell
# is asked where that is: the variable PWD may be unset, and the folder would be /.fihris.
FIHRIS_DATA ?= $$(pwd)/.fihris/data
FIHRIS_CACHE ?= $$(pwd)/.fihris/cache
FIHRIS_ROOT ?= $$(pwd)
FIHRIS_HOST ?= 127.0.0.1
FIHRIS_PORT ?= 8000
ENGINE = $${FIHRIS_ENGINE:-embedded}
HERE = FIHRIS_DATA="$(FIHRIS_DATA)" FIHRIS_CACHE="$(FIHRIS_CACHE)" FIHRIS_ROOT="$(FIHRIS_ROOT)"
FIHRIS = $(HERE) $(BIN)/python -m indexer.cli
# Three processes for two cores: many tests wait, for servers or for time to pass. What each is
# given, and in which order, tests/conftest.py says. Those of containers, with up to three nodes
# of Elasticsearch, come after: beside them tests of what a busy server still does fail.
WORKERS ?= 3
PYTEST = $(BIN)/python -m pytest -n $(WORKERS)
# Byte code is kept even where the environment says not to: collecting the tests takes each of the
# processes 5.5 seconds then instead of 12.4, and hundreds of children compile nothing anew.
CACHED = PYTHONDONTWRITEBYTECODE= FIHRIS_CACHE="$(FIHRIS_CACHE)"

# `"$$@"` is what starts a server around the session, or nothing. -s: make says nothing either.
run: setup
	@set --; \
	if [ "$(ENGINE)" = elasticsearch ] && [ -z "$$FIHRIS_ELASTICSEARCH_URL" ]; then \
	  set -- $(BIN)/python -m tests.servers; \
	fi; \
	$(HERE) FIHRIS_ENGINE="$(ENGINE)" "$$@" $(MAKE) -s session

session:
	@$(FIHRIS) index seeds
	@printf '\n== By words: ضربات العراق\n\n'
	@$(FIHRIS) search --mode keyword --size 2 'ضربات العراق'
	@printf '\n== By meaning: ماذا قال المسؤولون عن حماية الجنود؟\n\n'
	@$(FIHRIS) search --mode semantic --size 2 'ماذا قال المسؤولون عن حماية الجنود؟'
	@printf '\n== Across languages: Why did the United States strike targets in Iraq?\n\n'
	@$(FIHRIS) search --size 2 'Why did the United States strike targets in Iraq?'
	@printf '\n'
	@FIHRIS_HOST="$(FIHRIS_HOST)" FIHRIS_PORT="$(FIHRIS_PORT)" $(FIHRIS) serve

test: setup-dev
	@$(MAKE) -s -j2 lint $${TEST_TORCH:+$(VENV)/torch.stamp}  # the one computes, the other downloads
	@[ -z "$$TEST_FRAMEWORKS" ] || $(MAKE) -s $(VENV)/frameworks.stamp
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || \
	  command -v google-chrome >/dev/null 2>&1 || \
	  printf 'note: there is no Chromium, so the browser test is skipped (Debian: apt-get install chromium chromium-driver)\n'
	@command -v tesseract >/dev/null 2>&1 || \
	  printf 'note: there is no tesseract, so tests of scans are skipped (Debian: apt-get install tesseract-ocr tesseract-ocr-ara)\n'
	@tests=0; \
	$(CACHED) $(BIN)/python -m tests.servers --tests $(PYTEST) --ignore=tests/containers || tests=$$?; \
	$(CACHED) $(PYTEST) -n 0 tests/containers || tests=$$?; \
	exit $$tests

test-fast: setup-dev
	@$(CACHED) $(PYTEST) -m 'not slow and not torch'

lint: setup-dev
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m bandit --quiet --configfile pyproject.toml --recursive search indexer api fihris.py

bench: setup-dev
	@for benchmark in analysis lexical embedding indexing bulk archive clients engine search \
	  elastic plain_elastic; do \
	  printf '\n== %s\n' "$$benchmark"; \
	  $(HERE) $(BIN)/python -m "benchmarks.$$benchmark" || exit 1; \
	done

attack: setup-dev
	@$(CACHED) $(BIN)/python -m tests.attacks $(ATTACK)

FUZZ ?= 1000000
fuzz: setup-dev
	@FUZZ="$(FUZZ)" $(CACHED) $(PYTEST) tests/fuzzing

# In an environment of its own: it has thirty dependencies, and CI does without.
audit: setup-dev
	@if $(BIN)/python -m venv $(VENV)/audit && \
	  PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/audit/bin/python -m pip install --quiet pip-audit; then \
	  $(BIN)/python tools/audit.py $(VENV)/audit/bin/pip-audit requirements.lock; \
	else \
	  printf 'skipped: pip-audit could not be installed\n'; \
	fi

setup: $(VENV)/base.stamp
setup-dev: $(VENV)/dev.stamp

$(VENV)/bin/python:
	@for python in "$(PYTHON)" python3 python3.13 python3.12 python3.14 python3.11; do \
	  if [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    >/dev/null 2>&1; then \
	    printf 'setting up %s with %s, a minute or two the first time\n' '$(VENV)' "$$python"; \
	    "$$python" -m venv $(VENV) && exit 0; \
	    rm -f $@; \
	    printf 'Python could not make an environment (Debian: apt-get install python3-venv)\n' >&2; \
	    exit 1; \
	  fi; \
	done; \
	printf 'Python 3.11 or newer is needed, and none of python3, python3.11 to python3.14 is one\n' >&2; \
	exit 1

# Each environment holds all of the one before it.
$(VENV)/base.stamp: requirements.lock pyproject.toml $(VENV)/bin/python
	@$(PIP) -r requirements.lock
	@$(PIP:--require-hashes=) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/base.stamp
	@$(PIP) -r requirements-dev.lock
	@touch $@

$(VENV)/torch.stamp: requirements-torch.lock $(VENV)/dev.stamp
	@printf 'installing sentence-transformers and torch: gigabytes, some minutes\n'
	@$(PIP) -r requirements-torch.lock
	@touch $@

# After torch's, if at all: two of pip in one environment would disturb each other.
$(VENV)/frameworks.stamp: requirements-frameworks.lock $(VENV)/dev.stamp
	@$(PIP) -r requirements-frameworks.lock
	@touch $@

# hatchling and editables build the project itself, without the network, in `base.stamp`.
LOCK = $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
  pyproject.toml requirements-build.in
lock: $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet uv
	@$(LOCK) --upgrade --output-file requirements.lock >/dev/null
	@$(LOCK) --group dev --constraints requirements.lock --output-file requirements-dev.lock >/dev/null
	@$(LOCK) --extra sentence-transformers --group dev --constraints requirements-dev.lock \
	  --output-file requirements-torch.lock >/dev/null
	@$(LOCK) --extra haystack --extra langchain --extra llama-index --group dev \
	  --constraints requirements-torch.lock --output-file requirements-frameworks.lock >/dev/null

clean:
	rm -rf $(VENV) .fihris .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
