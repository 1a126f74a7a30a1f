# `make help` lists what there is. Learners need `make lab`; whoever changes things, `make test`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help lab update my-page uninstall test test-weekly test-colab colab-freeze test-browser site \
	test-site notebooks lint-notebooks pictures stamp bench bench-rivals lock clean environments

# Threads that spin while they wait starve each other where notebooks run side by side.
export OMP_WAIT_POLICY := passive

PYTHON := .venv/bin/python
LAB_ARGS ?=
TEST_ARGS ?=
UPGRADE ?= --upgrade
COMPILE := .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate $(UPGRADE)
PYTEST := $(PYTHON) -m pytest -n logical --maxprocesses 4 --dist loadfile

help: ## list the commands
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

lab: environments ## set everything up and open the lessons in JupyterLab (LAB_ARGS="--no-browser")
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON) -m jupyterlab \
		--LabApp.default_url=/lab/tree/notebooks/0_start_here.ipynb $(LAB_ARGS)

update: ## bring the newest version of the lessons, and keep your answers
	@$$([ -x $(PYTHON) ] && echo $(PYTHON) || echo python3) tools/update.py

my-page: environments ## a page of what you have solved, to keep or to hand in
	@mkdir -p my_work
	$(PYTHON) -m helpers.course.exercises report --html my_work/solved.html

uninstall: ## give all disk back (YES=1: uv's cache, too; PROGRESS=1: what you have solved, too)
	@tools/uninstall.sh

test: environments ## lint, then unit tests, exercises and every notebook (TEST_ARGS="-k world")
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PYTEST) --no-loadscope-reorder -m "not weekly" --nbval --nbval-current-env \
		--nbval-sanitize-with tests/nbval_sanitize.cfg tests notebooks $(TEST_ARGS)

test-weekly: environments ## the slow statistical simulations that `make test` leaves out
	$(PYTEST) -m weekly tests $(TEST_ARGS)

test-colab: environments ## run every notebook as on Colab: its Python, its versions, the setup cell
	$(PYTHON) tools/test_colab.py

colab-freeze: environments ## take a newer list of what Colab ships (FILE=pip-freeze.txt DATE=2026-08-19)
	$(PYTHON) tools/test_colab.py freeze "$(FILE)" "$(DATE)"

test-browser: environments ## open every notebook in JupyterLab in a real browser and use it
	tools/test_browser.sh $(TEST_ARGS)

site: ## make the site in build/site from the committed notebooks, without running them
	tools/site.sh

test-site: ## make the site, and try every page of it in a real browser
	tools/site.sh test $(TEST_ARGS)

notebooks: environments ## execute the committed notebooks in place (all outputs are replaced)
	$(PYTHON) -m tools.notebooks $(NOTEBOOKS)
	.venv/bin/ruff format --quiet notebooks

lint-notebooks: environments ## print what is missing in the shape of a lesson (NOTEBOOKS=path)
	$(PYTHON) -m tools.lint_notebooks $(NOTEBOOKS)

pictures: environments ## take the pictures of the README again, in a real browser
	source tools/find_browser.sh; .venv/bin/uv pip install --quiet --python $(PYTHON) \
		--require-hashes --requirement requirements/browser.txt; $(PYTHON) tools/pictures.py

stamp: environments ## write the repository's address into badges and setup cells (REPO=owner/name)
	$(PYTHON) tools/stamp.py $(REPO)

bench: environments ## measure what the design promises: prints a table, and writes the instructors'
	$(PYTHON) -m benchmarks.times
	$(PYTHON) -m benchmarks

bench-rivals: environments ## measure the server against LitServe and KServe, too
	.venv/bin/uv venv --quiet --allow-existing --python $(PYTHON) .venv-rivals
	.venv/bin/uv pip install --quiet --python .venv-rivals/bin/python --require-hashes \
		--requirement requirements/rivals.txt
	MLOPS_SERVING_RIVALS="$(CURDIR)/.venv-rivals/bin/python" $(PYTHON) -m benchmarks serving

lock: environments ## compile the lock files, with hashes (UPGRADE= keeps what is locked)
	$(COMPILE) --universal --python-version 3.11 --extra lessons --extra lab --extra test \
		--group bench pyproject.toml -o requirements/lab.txt
	$(COMPILE) --universal --python-version 3.11 --directory requirements/tfx-1.16 \
		pyproject.toml -o ../tfx-1.16.txt
	$(COMPILE) --no-deps --python-version 3.10 \
		requirements/tfx-1.16/nodeps.in -o requirements/tfx-1.16-nodeps.txt
	$(COMPILE) --universal --python-version 3.11 --directory requirements/tfx-1.21 \
		pyproject.toml -o ../tfx-1.21.txt
	$(COMPILE) --universal --python-version 3.11 --group browser --constraints requirements/lab.txt \
		-o requirements/browser.txt
	$(COMPILE) --universal --python-version 3.11 --group site --constraints requirements/lab.txt \
		--constraints requirements/browser.txt -o requirements/site.txt
	$(COMPILE) --universal --python-version 3.11 --group rivals -o requirements/rivals.txt
	$(PYTHON) tools/environment_yml.py

clean: ## remove .venv and all caches of this checkout
	rm -rf .venv .venv-uv .venv-site .venv-rivals .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name .ipynb_checkpoints -prune -exec rm -rf {} +

environments:
	@tools/bootstrap.sh
	@$(PYTHON) -m helpers.tfx install --quick
