# One word for each thing to do. Every target sets up what it needs in .venv, and compiles only what
# has changed. Needs Python >= 3.10, a C++17 compiler and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

COMPILED := setup.py $(wildcard csrc/*/*.h csrc/*/*.cpp bitindex/*.pxd bitindex/*.pyx)
CPP := $(wildcard csrc/*/*.h csrc/*/*.cpp tests/native/*.h tests/native/*.cpp fuzz/*.h fuzz/*.cpp)
# A list of pyproject.toml as words of a shell: "setuptools>=77" "Cython>=3.1" ...
list = $(shell sed -n 's/^$(1) = \[\(.*\)\]$$/\1/p' pyproject.toml | sed 's/", "/" "/g')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # two pips must not work in one environment
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' $(MAKEFILE_LIST)) # all that help lists

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(VENV)/.installed ## search real data and say how good the answers are
	@$(BIN)/bitindex demo

# A process for each core; one that is done takes tests from another.
PYTEST := $(BIN)/pytest --numprocesses auto --dist worksteal

test: $(VENV)/.with-test ## run all tests
	$(PYTEST)

# Tests marked `once` find nothing more when they are repeated, for one of these reasons: they run little
# of the compiled core, or what others run too; they try each instruction set by name; they measure how
# much is found, or how well codes are learned; they compile, with the sanitizers that they need; they
# set limits that the sanitizers' own memory would break.

# Kinds of index differ in which rows they look at, not in what they do with them: one kind tells
# enough of the kernels. That Ctrl-C acts within a second is a promise of the kernels that users get.
test-generic: $(VENV)/.with-test ## run the tests on the kernels for any CPU
	BITINDEX_ISA=generic $(PYTEST) -m "not once" -k "not (ivf or hnsw or mih or ctrl_c)"

# An own build, which PYTHONPATH puts before the one in .venv. The interpreter is no sanitized
# program, so the runtime is loaded first; libstdc++ beside it, or it could not find the function
# that throws. Null for what is too large: tests ask for that. A report goes around what pytest
# captures. A fork beside threads that allocate copies the sanitizer's locks as they are, and GCC 12
# does not mend them. No leaks: Python keeps much of its memory to the end, and each block would be one.
SANITIZERS := address,undefined
SANITIZED := build/sanitized
# Ctrl-C: as above. How much is found is no matter of memory, and one order of bits takes the same paths
# as the other.
UNSANITIZED := ctrl_c or recall or starved or little or adversarial
SANITIZER_RUNTIME = $$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)

sanitize: $(VENV)/.with-test ## run the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	rm -rf $(SANITIZED)
	BITINDEX_SANITIZE=$(SANITIZERS) $(BIN)/python setup.py --quiet build --build-lib $(SANITIZED)
	BITINDEX_SANITIZE=$(SANITIZERS) PYTHONPATH=$(SANITIZED) LD_PRELOAD="$(SANITIZER_RUNTIME)" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	$(PYTEST) -m "not once and not forks_beside_threads" -k "not ($(UNSANITIZED))" --capture=sys

# A program of its own, because ThreadSanitizer would have to know the interpreter too. RACE_SECONDS: for
# each kind of index.
RACE_SECONDS ?= 4

race: $(VENV)/.tools ## look for data races in the compiled core
	BITINDEX_SANITIZE=thread $(BIN)/python setup.py --quiet build_clib
	$(CXX) -std=c++17 -O1 -g1 -fsanitize=thread -Wall -Wextra -Icsrc -pthread -o build/check_races \
	  tests/native/check_races.cpp build/*-thread/libbitindex_core.a
	TSAN_OPTIONS=halt_on_error=1 build/check_races $(RACE_SECONDS)

# Seconds for each harness of fuzz/.
FUZZ_SECONDS ?= 60
CLANG ?= clang++
CAN_FUZZ := mkdir -p build; echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, long) { return 0; }' | \
  $(CLANG) -fsanitize=fuzzer,address -x c++ - -o build/can_fuzz 2>/dev/null

fuzz-core: ## fuzz what files put into the compiled core, by libFuzzer
	@if $(CAN_FUZZ); then \
	  $(MAKE) --no-print-directory -f fuzz/Makefile -j $$(nproc) CLANG=$(CLANG) FUZZ_SECONDS=$(FUZZ_SECONDS); \
	else \
	  echo "fuzz-core: skipped, $(CLANG) with libFuzzer is missing (Debian: apt-get install clang)"; \
	fi

fuzz: fuzz-core $(VENV)/.with-test ## fuzz files and sequences of calls too
	BITINDEX_FUZZ_EXAMPLES=5000 BITINDEX_MODEL_EXAMPLES=10000 \
	  $(PYTEST) tests/test_storage_fuzz.py tests/test_contract_model.py

# With the extra `test`, because the types of its packages are checked too.
lint: $(VENV)/.with-test $(VENV)/.with-lint ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	$(BIN)/mypy

format: $(VENV)/.with-lint ## put Python and C++ into the common form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(CPP)

# FINGERPRINTS=FILE.npy: packed rows of 2,048 bits for search_sets instead of drawn ones;
# SOURCE="...": what they are.
bench: $(VENV)/.with-bench bench-quality ## measure, and put the figures into README.md and docs/roofline.md
	$(BIN)/python bench/rescoring.py
	$(BIN)/python bench/search_flat.py
	$(BIN)/python bench/search_memory.py
	$(BIN)/python bench/search_sets.py $(if $(FINGERPRINTS),--fingerprints "$(FINGERPRINTS)") \
	  $(if $(SOURCE),--source "$(SOURCE)")
	$(BIN)/python bench/search_tables.py
	$(BIN)/python bench/search_shapes.py
	$(BIN)/python bench/roofline.py
	$(BIN)/python bench/report.py searches roofline

# EMBEDDINGS="NAME=FILE.npy[:SIMILARITY] ...": sets beside SciFact, the first for README.md;
# QUALITY="...": other options of bench/quality.py, such as --quick or --plot FILE.png.
bench-quality: $(VENV)/.with-bench ## measure binarizers and their peers: recall, robustness, costs
	$(BIN)/python bench/quality.py $(foreach set,$(EMBEDDINGS),--embeddings "$(set)") $(QUALITY)
	$(if $(filter --quick --only --bits-per-dim,$(QUALITY)),,$(BIN)/python bench/report.py quality)

# IVF="...": options of bench/search_ivf.py, such as --codes 10000000.
bench-ivf: $(VENV)/.with-bench ## compare IVFIndex with faiss at equal recall
	$(BIN)/python bench/search_ivf.py $(IVF)

# RESIDUALS="...": options of bench/residuals.py, such as --embeddings FILE.npy.
bench-residuals: $(VENV)/.installed ## compare codes of residuals with those of whole rows
	$(BIN)/python bench/residuals.py $(RESIDUALS)

# HNSW="...": options of bench/search_hnsw.py, such as --bits 512.
bench-hnsw: $(VENV)/.with-bench ## compare HNSWIndex with faiss and usearch at equal recall
	$(BIN)/python bench/search_hnsw.py $(HNSW)

# MIH="...": options of bench/mih.py, such as --codes 10000000 --texts FILE.gz.
bench-mih: $(VENV)/.with-bench ## compare MIHIndex with a scan and faiss's MultiHash
	$(BIN)/python bench/mih.py $(MIH)

# READERS="...": options of bench/readers_and_writer.py, such as --seconds 10 --kinds flat ivf.
bench-readers: $(VENV)/.installed ## measure what a writer costs the searches beside it
	$(BIN)/python bench/readers_and_writer.py $(READERS)

# FINGERPRINTS as for bench.
bench-bitbound: $(VENV)/.with-bench ## compare rows by popcount with a plain scan and FPSim2
	$(BIN)/python bench/bitbound.py $(if $(FINGERPRINTS),--fingerprints "$(FINGERPRINTS)")

# COLLECTION="...": options of bench/collection.py, such as --directory DIR on the disk to measure.
bench-collection: $(VENV)/.with-bench ## measure what a Collection costs over the bare index
	$(BIN)/python bench/collection.py $(COLLECTION)

# BEBR="...": files that the paired tasks need, and other options of bench/bebr.py. PyTorch is that of
# the extra `test`, which is pinned.
bench-bebr: $(VENV)/.with-test $(VENV)/.with-docs ## compare trained codes, and put the figures into docs/bebr.md
	$(BIN)/python bench/bebr.py $(BEBR)
	$(if $(filter --quick,$(BEBR)),,$(BIN)/python bench/report.py bebr)

# END_TO_END="...": options of bench/end_to_end.py, such as --embeddings NAME=FILE.npy.
bench-end-to-end: $(VENV)/.with-bench $(VENV)/.with-docs ## compare whole indexes of embeddings, and put the figures into docs/searches.md
	$(BIN)/python bench/end_to_end.py $(END_TO_END)
	$(BIN)/python bench/report.py end-to-end

# TRUST="...": options of bench/trust.py, such as --quick or --only damage.
trust: $(VENV)/.with-bench ## try to break files: damage, kills, full disks; and put the counts into docs/trust.md
	$(BIN)/python bench/trust.py $(TRUST)
	$(if $(filter --quick --only,$(TRUST)),,$(BIN)/python bench/report.py trust)

wheel: $(VENV)/.installed ## build a wheel in dist/
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir dist .
	@ls -l dist/*.whl

clean: ## delete all that was made here, .venv included
	rm -rf $(VENV) build dist bench/results bitindex.egg-info bitindex/*.so
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What follows sets up .venv; a file in it stands for each step that is done.

define REFUSE
{ printf '%s\n' $(1) >&2; exit 1; }
endef

$(VENV)/.tools: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	$(call REFUSE,"bitindex needs Python >= 3.10; this is $$($(PYTHON) --version 2>&1)." \
	  "Name another one: make PYTHON=python3.12 ...")
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	$(call REFUSE,"$(PYTHON) cannot make virtual environments (Debian: apt-get install python3-venv).")
	@$(PYTHON) -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' 2>/dev/null || \
	$(call REFUSE,"The headers of $(PYTHON) are missing (Debian: apt-get install python3-dev).")
	@echo 'int main() { if constexpr (true) return 0; }' | $(CXX) -std=c++17 -x c++ -fsyntax-only - 2>/dev/null || \
	$(call REFUSE,"$(CXX) is no C++17 compiler (Debian: apt-get install g++; or name one: CXX=clang++).")
	@echo "Making $(VENV) and fetching the tools to build with ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install $(call list,requires)
	@touch $@

$(VENV)/.installed: $(VENV)/.tools pyproject.toml $(COMPILED)
	@echo "Compiling bitindex ..."
	@$(PIP) install --no-build-isolation --editable .
	@touch $@

$(VENV)/.with-%: pyproject.toml | $(VENV)/.installed
	@echo "Fetching what '$*' needs ..."
	@$(PIP) install $(call list,$*)
	@touch $@
