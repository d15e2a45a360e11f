# Every command of the project, by name. Environments are made when needed and kept until a lock or the interpreter changes.
.DEFAULT_GOAL := help
.SUFFIXES:

# What a person has set for other projects must not change what the project's own Pythons see.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONWARNINGS SOURCE_DATE_EPOCH
# Without bytecode every process compiles the package anew: the tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

# What is given on make's command line is text: make does not expand a $ in it, whoever uses it.
$(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),\
	$(eval override export $(name) := $$(value $(name)))))

# Recipes take their arguments from the environment, as "$$NAME" after an option and its = or after
# --: so no shell and no program takes a part of it for its own.
python    := .venv/bin/python
pipeline  := PATH="$$PWD/.venv-generator/bin:$$PATH" .venv-generator/bin/python -m tools
checked   := overlays/chainhub tools release examples benchmarks tests/typing requirements .ci hatch_build.py
lock      := $(python) requirements/pip_settings.py pip compile --quiet --universal --python-version 3.11 \
             --generate-hashes --only-binary :all: --no-header --no-annotate $${UPGRADE:+--upgrade}

# What a target cannot do without is asked for before anything is made for it.
needed = $(if $(filter $(1),$(MAKECMDGOALS)),$(if $(value $(2)),,$(error Say $(2)=… with make $(1): $(3))))
$(call needed,spec,PAGES,files or folders with the pages)
$(call needed,update,FROM,a folder, a file, an llms.txt or a URL)
$(call needed,propose,FROM,a folder or a file with recorded answers)
$(call needed,diff,BASE,a tag or a file)
$(call needed,publish,INDEX,the name of an index in your uv.toml)
$(call needed,verify,INDEX,the name of an index in your uv.toml)
$(call needed,verify,VERSION,the number of a version with a tag)
$(call needed,withdraw,VERSION,the number of a version that was published)
$(call needed,withdraw,REASON,a few words for whoever installs chainhub)

.PHONY: help run test test-all test-pythons test-grown check generate spec update propose repair validate surface drift diff release-check bench bench-all docs build publish \
        verify withdraw lock clean

help: ## list these targets
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1 /p' Makefile | while read -r target line; do printf '  %-13s %s\n' "$$target" "$$line"; done

run: environment-run ## do the main job: against the sandbox, or with CHAINHUB_API_KEY set and TASK=id against the service
	@$(python) examples/main_job.py

test: environment-test ## run the tests, and measure that they reach every branch
	@$(call say,All tests but the slow ones on 4 workers: about 3 minutes on two cores)
	@$(call tests,-m "not slow")

test-all: environment-test environment-index environment-bench ## run the slow and heavy tests too
	@$(call say,All tests on 4 workers: an hour or more on two cores)
	@$(call tests,)
	@$(python) .ci/pythons.py
	@$(python) .ci/grown.py

test-pythons: environment-run ## run the quick tests on every Python 3.11 to 3.14 that is found
	@$(python) .ci/pythons.py

test-grown: environment-run ## check, run, document and test a copy whose contract has grown, then shrunk
	@$(python) .ci/grown.py

check: check-style check-types check-imports check-words check-drift ## look at the code without running it: style, types, imports, words, drift

generate: environment-generator ## contract -> repaired -> validated -> generated/, whole or not at all (STRICT=1)
	@$(pipeline) generate $(if $(STRICT),--strict)

spec: environment-generator ## add the vendor's pages to openapi.yaml: PAGES="files, folders" (ALLOW_HOST="names", REPLACE=1)
	@$(pages) $(pipeline) spec $(if $(REPLACE),--replace) $${ALLOW_HOST:+--allow-host="$$ALLOW_HOST"} -- "$$@"

update: environment-generator environment-test ## all of it, from pages to a branch with two commits: FROM="folder, file, llms.txt or URL"
	@$(pipeline) update $(if $(REPLACE),--replace) $${ALLOW_HOST:+--allow-host="$$ALLOW_HOST"} -- "$$FROM"; \
		status=$$?; case $$status in 10|20) exit 0;; *) exit $$status;; esac

propose: environment-generator ## propose overlay actions from recorded answers: FROM=folder-or-file
	@$(pipeline) propose -- "$$FROM"

repair: environment-generator ## apply overlays/openapi.overlay.yaml to the contract
	@$(pipeline) repair

validate: environment-generator ## validate the repaired contract
	@$(pipeline) validate

surface: environment-generator ## write generated/API.md, the public surface in one screen
	@$(pipeline) surface

drift: check-drift ## prove that generated/ is what the contract gives

diff: environment-generator ## say what changed for callers, and the version it asks for: BASE=tag-or-file (PREVIOUS=version)
	@$(pipeline) diff $${PREVIOUS:+--previous="$$PREVIOUS"} -- "$$BASE"

release-check: environment-generator ## refuse a version too small for what changed (BASE=tag-or-file VERSION=number)
	@$(pipeline) release-check $${PREVIOUS:+--previous="$$PREVIOUS"} $${VERSION:+--version="$$VERSION"} $${BASE:+-- "$$BASE"}

bench: environment-bench ## measure what has a goal, as ratios; continues a run that was stopped (ONLY="P3 P5", TINY=1)
	@.venv-bench/bin/python -m benchmarks $${TINY:+--tiny} --only="$$ONLY"

bench-all: environment-bench ## the same with all peers
	@.venv-bench/bin/python -m benchmarks --all $${TINY:+--tiny} --only="$$ONLY"

docs: environment-docs ## make the pages in build/site, strictly and without network
	@rm -rf build/site
	@$(call say,The picture of the README: about 10 s)
	@$(python) docs/recording.py
	@$(call say,The pages: about 20 s)
	@$(python) -m sphinx -q -E -W -n --keep-going -b html -d build/doctrees docs build/site
	@echo build/site/index.html

build: environment-release ## make the files of a release in dist/, of a clean tree's commit (DIRTY=1: of any tree, SIGN=key)
	@$(call say,Wheel and source distribution and bill of materials)
	@$(python) -m release build $${DIRTY:+--dirty} $${SIGN:+--sign="$$SIGN"}

publish: environment-release ## build them and upload them to your own index: INDEX=name, DRY=1 only says what would happen
	@$(call say,Wheel and source distribution and bill of materials)
	@$(python) -m release publish $${DRY:+--dry-run} $${SIGN:+--sign="$$SIGN"} \
		$${ALLOW_FORWARDING:+--allow-forwarding="$$ALLOW_FORWARDING"} -- "$$INDEX"

verify: environment-release ## compare what an index serves with what a version's tag gives: INDEX=name VERSION=number
	@$(python) -m release verify --version="$$VERSION" -- "$$INDEX"

withdraw: environment-release ## exclude a version that was published: VERSION=number REASON="in a few words"
	@$(python) -m release withdraw --version="$$VERSION" --reason="$$REASON"

lock: environment-release ## bring the locks in line with requirements/*.in (UPGRADE=1: to the newest versions)
	@$(call locked,run)
	@$(call locked,generator,run)
	@$(call locked,docs,run generator)
	@$(call locked,release,run generator docs)
	@$(call locked,test,run generator docs release)
	@$(call locked,check,run generator docs release test)
	@$(call locked,index,run generator docs release test check)
	@$(call locked,bench,run generator)

clean: ## remove all that make has made, environments included
	@rm -rf build dist .venv .venv-generator .venv-index .venv-bench .venv-pythons .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The parts of `check`, each of which can be asked for alone.
.PHONY: check-style check-types check-imports check-words check-drift
check-style: environment-check
	@$(call say,Style: ruff)
	@$(python) -m ruff check --quiet .
	@$(python) -m ruff format --quiet --check . || { $(python) -m ruff format --check .; exit 1; }

check-types: environment-check
	@$(call say,Types: mypy and basedpyright)
	@mkdir -p build
	@$(python) -m mypy $(checked)
	@$(python) -m basedpyright
	@PATH="$$PWD/.venv/bin:$$PATH" $(python) -m basedpyright --verifytypes chainhub --ignoreexternal >build/types.log \
		|| { grep -v '^ *$$' build/types.log; exit 1; }

check-imports: environment-check
	@$(call say,Imports)
	@.venv/bin/lint-imports --no-logo

check-words: environment-check
	@$(call say,Words that may not be committed)
	@$(python) .ci/words.py

check-drift: environment-generator
	@$(call say,Drift between the contract and generated/)
	@$(pipeline) drift

# Environments: .venv grows by layers, a lock each, so that nobody waits for what is not needed.
.PHONY: environment-run environment-docs environment-release environment-test environment-check environment-generator \
        environment-index environment-bench
environment-run:
	@sh requirements/environment.sh .venv run project

environment-docs:
	@sh requirements/environment.sh .venv run project docs

environment-release:
	@sh requirements/environment.sh .venv run project release

environment-test:
	@sh requirements/environment.sh .venv run project generator docs release test

environment-check:
	@sh requirements/environment.sh .venv run project generator docs release test check

environment-generator:
	@sh requirements/environment.sh .venv-generator generator

environment-bench:
	@sh requirements/environment.sh .venv-bench bench project

environment-index:
	@sh requirements/environment.sh .venv-index index

# A path may contain spaces; where PAGES is no path, it is a list of them.
pages = if [ -e "$$PAGES" ]; then set -- "$$PAGES"; else set -- $$PAGES; fi;

# A lock takes the versions of those before it, so that their layers fit together in one environment.
locked = $(call say,requirements/$(1).txt); $(lock) $(patsubst %,-c requirements/%.txt,$(2)) \
	-o requirements/$(1).txt requirements/$(1).in

# What is going on is told on standard error; a target's own output stays clean.
say = echo '$(1)' >&2

# Coverage is judged only after the tests have passed.
tests = rm -rf build/coverage; mkdir -p build/coverage; \
	$(python) -m coverage run -m pytest -n 4 --dist worksteal $(1) && \
	$(call say,Coverage of every branch) && \
	$(python) -m coverage combine --quiet && $(python) -m coverage report
