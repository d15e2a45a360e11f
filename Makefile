# Every command of the project, by name. Environments are made when needed and kept until a lock or the interpreter changes.
.DEFAULT_GOAL := help
.SUFFIXES:

# What a person has set for other projects must not change what the project's own Pythons see.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONWARNINGS SOURCE_DATE_EPOCH

python    := .venv/bin/python
pipeline  := PATH="$$PWD/.venv-generator/bin:$$PATH" .venv-generator/bin/python -m tools
checked   := overlays/chainhub tools release examples benchmarks tests/typing requirements/environment.py .ci/words.py
lock      := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
             --only-binary :all: --no-header --no-annotate $(if $(UPGRADE),--upgrade)

.PHONY: help run test test-all check generate spec repair validate surface drift diff release-check bench docs build publish \
        lock clean

help: ## list these targets
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1 /p' Makefile | while read -r target line; do printf '  %-13s %s\n' "$$target" "$$line"; done

run: environment-run ## do the main job: against the sandbox, or with CHAINHUB_API_KEY set and TASK=id against the service
	@$(python) examples/main_job.py

test: environment-test ## run the tests, and measure that they reach every branch
	@$(call tests,-m "not slow")

test-all: environment-test environment-index environment-bench ## run the slow and heavy tests too
	@$(call tests,)

check: check-style check-types check-imports check-words check-drift ## look at the code without running it: style, types, imports, words, drift

generate: environment-generator ## contract -> repaired -> validated -> generated/, whole or not at all
	@$(pipeline) generate

spec: environment-generator ## make openapi.yaml of the vendor's pages: PAGES="files, folders" (ALLOW_HOST="names")
	@$(call needed,PAGES,files or folders with the pages) $(pages) $(pipeline) spec $${ALLOW_HOST:+--allow-host="$$ALLOW_HOST"} "$$@"

repair: environment-generator ## apply overlays/openapi.overlay.yaml to the contract
	@$(pipeline) repair

validate: environment-generator ## validate the repaired contract
	@$(pipeline) validate

surface: environment-generator ## write generated/API.md, the public surface in one screen
	@$(pipeline) surface

drift: check-drift ## prove that generated/ is what the contract gives

diff: environment-generator ## say what changed for callers, and the version it asks for: BASE=tag-or-file (PREVIOUS=version)
	@$(call needed,BASE,a tag or a file) $(pipeline) diff $${PREVIOUS:+--previous="$$PREVIOUS"} "$$BASE"

release-check: environment-generator ## refuse a version too small for what changed (BASE=tag-or-file VERSION=number)
	@$(pipeline) release-check $${PREVIOUS:+--previous="$$PREVIOUS"} $${VERSION:+--version="$$VERSION"} $${BASE:+"$$BASE"}

bench: environment-bench ## measure side by side with others, as ratios (ONLY="P3 P5", TINY=1)
	@.venv-bench/bin/python -m benchmarks $(if $(TINY),--tiny) --only "$(ONLY)"

docs: environment-test ## make the pages in build/site, strictly and without network
	@rm -rf build/site
	@$(python) docs/recording.py
	@$(python) -m sphinx -q -E -W -n --keep-going -b html -d build/doctrees docs build/site
	@echo build/site/index.html

build: environment-test ## make the files of a release in dist/, from a clean tree (DIRTY=1: from any)
	@$(python) -m release build $(if $(DIRTY),--dirty)

publish: build ## bring them to your own index: INDEX=name, DRY=1 only says what would happen
	@$(python) -m release publish $(if $(DRY),--dry-run) -- "$$INDEX"

lock: environment-test ## bring the locks in line with requirements/*.in (UPGRADE=1: to the newest versions)
	@$(lock) -o requirements/run.txt requirements/run.in
	@$(lock) -o requirements/generator.txt requirements/generator.in
	@$(lock) -c requirements/run.txt -c requirements/generator.txt -o requirements/test.txt requirements/test.in
	@$(lock) -c requirements/test.txt -o requirements/index.txt requirements/index.in
	@$(lock) -c requirements/run.txt -c requirements/generator.txt -o requirements/bench.txt requirements/bench.in

clean: ## remove all that make has made, environments included
	@rm -rf build dist .venv .venv-generator .venv-index .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The parts of `check`, each of which can be asked for alone.
.PHONY: check-style check-types check-imports check-words check-drift
check-style: environment-test
	@$(python) -m ruff check --quiet .
	@$(python) -m ruff format --quiet --check . || { $(python) -m ruff format --check .; exit 1; }

check-types: environment-test
	@mkdir -p build
	@$(python) -m mypy $(checked)
	@$(python) -m basedpyright
	@PATH="$$PWD/.venv/bin:$$PATH" $(python) -m basedpyright --verifytypes chainhub --ignoreexternal >build/types.log \
		|| { grep -v '^ *$$' build/types.log; exit 1; }

check-imports: environment-test
	@.venv/bin/lint-imports --no-logo

check-words: environment-test
	@$(python) .ci/words.py

check-drift: environment-generator
	@$(pipeline) drift

# Environments: the one for `run` is a part of the one for `test`, so that a first try does not wait for the rest.
.PHONY: environment-run environment-test environment-generator environment-index environment-bench
environment-run:
	@sh requirements/environment.sh .venv run project

environment-test:
	@sh requirements/environment.sh .venv run project test

environment-generator:
	@sh requirements/environment.sh .venv-generator generator

environment-bench:
	@sh requirements/environment.sh .venv-bench bench project

environment-index:
	@sh requirements/environment.sh .venv-index index

needed = [ -n "$$$(1)" ] || { echo 'Say $(1)=… with make $@: $(2).' >&2; exit 2; };

# A path may contain spaces; where PAGES is no path, it is a list of them.
pages = if [ -e "$$PAGES" ]; then set -- "$$PAGES"; else set -- $$PAGES; fi;

# Coverage is judged only after the tests have passed.
tests = rm -rf build/coverage; mkdir -p build/coverage; \
	$(python) -m coverage run -m pytest -n 2 $(1) && \
	$(python) -m coverage combine --quiet && $(python) -m coverage report
