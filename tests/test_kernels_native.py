"""tests/native/check_kernels.cpp, built and run: with sanitizers, emulated, and for another CPU."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from bitindex import _core

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["-std=c++17", "-ffp-contract=off", "-Icsrc", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SANITIZE = ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
TABLES = {
    "generic": "kGenericKernels",
    "avx2": "kAvx2Kernels",
    "avx512": "kAvx512Kernels",
    "neon": "kNeonKernels",
}


def run(command):
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}{result.stderr}"
    return result.stdout


# clang also checks masked loads, which GCC does not, and compiles with sanitizers twice as fast.
COMPILER = "clang++" if shutil.which("clang++") else "g++"


def check(tmp_path, isa, *flags, compiler=COMPILER, runner=()):
    if shutil.which(compiler) is None:
        pytest.skip(f"no compiler {compiler}")
    for program in runner:
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    program = str(tmp_path / "check_kernels")
    kernels = sorted({f"csrc/kernels/{name}.cpp" for name in ("generic", isa)})
    sources = [*kernels, "tests/native/check_kernels.cpp"]
    run([compiler, *FLAGS, *flags, f"-DKERNELS={TABLES[isa]}", *sources, "-o", program])
    assert run([*runner, program]).startswith(f"check_kernels: {isa}: ")


@pytest.mark.parametrize("isa", TABLES)
def test_natively_with_sanitizers(tmp_path, isa):
    if isa not in _core.supported_isas():
        pytest.skip(f"this CPU does not support {isa}")
    check(tmp_path, isa, *SANITIZE)


@pytest.mark.skipif("avx512" in _core.supported_isas(), reason="tested natively")
def test_avx512_emulated(tmp_path):
    if not Path("/usr/include/simde/x86/avx512.h").exists():
        pytest.skip("no SIMDe (Debian: libsimde-dev)")
    # SIMDe 0.7.4 adds 16-bit lanes as C integers, for which overflow is only defined by -fwrapv.
    emulate = ["-DBITINDEX_SIMDE", "-Itests/native", "-fwrapv", "-Wno-psabi"]
    emulate.append("-Wno-ignored-attributes")
    check(tmp_path, "avx512", *SANITIZE, *emulate, compiler="g++")


@pytest.mark.skipif(platform.machine() == "aarch64", reason="tested natively")
def test_neon_emulated(tmp_path):
    emulator = ("qemu-aarch64",)
    check(tmp_path, "neon", "-O2", "-static", compiler="aarch64-linux-gnu-g++", runner=emulator)
