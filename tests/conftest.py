"""What several test files share."""

import os
import subprocess
import sys
import threading

# Before NumPy and PyTorch are loaded, whose threads wait in loops: those of one test for cores that
# the test beside it has.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import pytest

from bitindex import _core
from bitindex.datasets import load_scifact
from bitindex.index import INDEX_KINDS

# A test never measures time; a slow machine is no failure.
hypothesis.settings.register_profile("no_deadline", deadline=None)
hypothesis.settings.load_profile("no_deadline")


@pytest.fixture(params=INDEX_KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="session")
def scifact():
    return load_scifact()


@pytest.fixture(params=["generic", "avx2", "avx512", "neon"])
def kernels(request):
    """Return the kernels of an instruction set; tests skip those that this CPU does not have."""
    if request.param not in _core.compiled_isas():
        pytest.skip(f"{request.param} belongs to another kind of CPU")
    if request.param not in _core.supported_isas():
        pytest.skip(f"this CPU does not support {request.param}")
    return _core.Kernels(request.param)


@pytest.fixture
def use_isa():
    """Return a function that chooses the instruction set of indexes made from then on."""
    before = _core.active_isa()
    yield _core.use_isa
    _core.use_isa(before)


@pytest.fixture
def _switch_between_threads_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def run_python():
    """Return a function that runs a program in a process of its own and returns its output.

    The program fails if it ends badly, or if it takes longer than ``timeout`` seconds: then it
    prints where its threads hang.
    """

    def run(program, *options, timeout=60, **environment):
        watchdog = f"import faulthandler; faulthandler.dump_traceback_later({timeout}, exit=True)\n"
        finished = subprocess.run(
            [sys.executable, *options, "-c", watchdog + program],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=timeout + 30,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    return run


@pytest.fixture
def run_together():
    """Return a function that runs functions in threads, all at once, and fails where one fails."""

    def run(*functions, timeout=60):
        problems = []

        def call(function):
            try:
                function()
            except BaseException as problem:
                problems.append(problem)

        # Daemons, so that a thread that hangs is a failed test and not a hanging one.
        threads = [threading.Thread(target=call, args=[f], daemon=True) for f in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout)
        assert not any(thread.is_alive() for thread in threads), "a thread hangs"
        if problems:
            raise problems[0]

    return run
