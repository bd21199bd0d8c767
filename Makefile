# Every target sets up what it needs: Debian packages, .venv, guest files. `make help` lists them.

PYTHON ?= /usr/bin/python3
export PYTHON
BIN := .venv/bin
SOURCES := src tests tools $(wildcard bench examples)
SCRIPTS := .ci/run tools/setup tools/fresh guests/init examples/boot-loader-tests/ci
GUEST_FILES := $(PYTHON) tools/guest_files.py

.DEFAULT_GOAL := help
.NOTPARALLEL: # tests and benches measure time
.PHONY: help boot test check bench lint format guests fresh setup

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target what; do \
	    printf '  make %-8s %s\n' "$$target" "$$what"; done
	@echo
	@echo "Guest files: vmlinux, initrd.gz and versions.json in $${VOF_GUESTS:-$${XDG_CACHE_HOME:-$$HOME/.cache}/vof/guests} (set VOF_GUESTS for another folder)."
	@echo "Settings: PYTHON=… for .venv; KEEP=1 and GUESTS=host for make fresh; REFRESH=1 for make guests."

boot: setup ## boot Debian's ppc64le kernel to a shell; without a terminal, power off once it is up
	@guests=$$($(GUEST_FILES) --quick) || exit 1; \
	append=console=hvc0; test -t 0 || append="$$append vof.run=poweroff"; \
	set -x; $(BIN)/vof boot -machine pseries -m 1G -kernel "$$guests/vmlinux" -initrd "$$guests/initrd.gz" -append "$$append"

test: check guests ## everything: check, then the tests that boot guests (under 20 minutes)
	$(BIN)/pytest -m guest --durations=10

check: lint ## lint, types, documentation and unit tests (under two minutes)
	$(BIN)/pytest -m "not guest"

bench: setup guests ## measure, print a table, write JSON
	$(BIN)/python bench/run.py

lint: setup ## ruff (rules and format), mypy --strict, shellcheck
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	shellcheck $(SCRIPTS)

format: setup ## let ruff lay out the code and mend what it can
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

guests: setup ## get the guests' kernels, GRUB and busybox from Debian, build those that it lacks (minutes, once); cached
	@$(GUEST_FILES) $(if $(REFRESH),--refresh)

fresh: ## prove boot and test in a clone on a minimal Debian made for it (as root or with sudo; under 45 minutes)
	@tools/fresh

setup: ## install what is missing (the other targets call it)
	@tools/setup
