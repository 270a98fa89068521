# Every target sets up .venv by itself: with uv where it is installed, else with venv and pip; anew
# when the checkout was moved, or the Python of .venv is gone or of another version.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
MADE := .venv/.made
WHAT_IT_IS := $(BIN)/python -c 'import sys; print(sys.prefix, *sys.version_info[:2])' 2>/dev/null
CATALOGS := $(wildcard waziterm/locale/*/LC_MESSAGES/*.po)
ARGS ?=
# Thousands of processes are begun in the tests: none compiles what another one has compiled.
TESTS := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q
PEERS := tests/peers/baileys7 tests/peers/baileys6
INSTALLED := node_modules/.package-lock.json
NPM_FLAGS := --ignore-scripts --legacy-peer-deps --no-audit --no-fund --no-package-lock --fetch-retries 5 \
	--fetch-timeout 60000

ifneq ($(wildcard .venv),)
ifneq ($(shell cat $(MADE) 2>/dev/null),$(shell $(WHAT_IT_IS)))
STALE := stale
endif
endif

.PHONY: stale setup run demo test soak peers check bench screenshots texts clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt hatch_build.py $(CATALOGS) $(STALE)
	@$(if $(STALE),rm -rf .venv)
	@if command -v uv >/dev/null 2>&1; then \
		test -x $(BIN)/python || uv venv --quiet --python '>=3.11' .venv; \
		uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'; \
	else \
		test -x $(BIN)/python || $(PYTHON) -m venv .venv; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check \
			--constraint constraints.txt --editable '.[dev]'; \
	fi
	@$(WHAT_IT_IS) > $(MADE)
	@touch $(READY)

run: $(READY)
	@$(BIN)/waziterm $(ARGS)

demo: $(READY)
	@$(BIN)/waziterm demo $(ARGS)

test: $(READY)
	$(TESTS) -n 4 --dist worksteal -m 'not soak' $(ARGS)

soak: $(READY)
	$(TESTS) -m soak --timeout 1800 --hypothesis-profile=new $(ARGS)

# The real programs that sessions come from, on the lab: needs Node, and npm's registry. The API
# against its own description. And the scan page in Chromium, where there is one.
peers: $(READY) .venv/.peers $(PEERS:%=%/$(INSTALLED))
	WAZITERM_PEERS=1 $(TESTS) -s --timeout 900 tests/peers $(ARGS)

# In an environment of its own: it brings a plugin of pytest along.
.venv/.peers: pyproject.toml $(READY)
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --python $(BIN)/python .venv/peers && \
		uv pip install --quiet --python .venv/peers/bin/python 'schemathesis>=4,<5'; \
	else \
		$(BIN)/python -m venv .venv/peers && \
		.venv/peers/bin/python -m pip install --quiet --disable-pip-version-check \
			'schemathesis>=4,<5'; \
	fi
	@touch .venv/.peers

# The registry may hesitate: npm is asked again, and writes this file when all is there. What is
# half there stays out of its way.
tests/peers/%/$(INSTALLED): tests/peers/%/package.json
	@cd tests/peers/$* && for try in 1 2 3; do \
		rm -rf node_modules; \
		npm install $(NPM_FLAGS) && break; \
		echo "npm has failed ($$try of 3)" >&2; \
	done
	@test -e $@ && touch $@

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m bench $(ARGS)

screenshots: $(READY)
	$(BIN)/python -m screenshots.make $(ARGS)

texts: $(READY)
	$(BIN)/python -m tests.texts $(ARGS)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
