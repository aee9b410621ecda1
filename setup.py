"""What to compile. Everything else stands in pyproject.toml."""

import sys
from glob import glob

import pybind11
from Cython.Build import cythonize
from setuptools import Extension, setup

# Instruction sets are chosen at run time, so nothing here may name one. A product is rounded before
# it is added (no contraction), so that floating point results do not depend on the machine.
if sys.platform == "win32":
    FLAGS = ["/std:c++17", "/O2", "/fp:precise", "/EHsc"]
else:
    FLAGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-Wall", "-Wextra"]

CORE = {
    "sources": [
        source
        for folder in ("kernels", "codes", "tables", "scan", "index")
        for source in sorted(glob(f"csrc/{folder}/*.cpp"))
    ],
    "include_dirs": ["csrc"],
    "cflags": FLAGS,
}
HEADERS = sorted(glob("csrc/*/*.h"))
CORE["obj_deps"] = {"": HEADERS}


def extension(name: str, sources: list[str], include_dirs: list[str]) -> Extension:
    return Extension(
        name,
        sources,
        include_dirs=include_dirs,
        extra_compile_args=FLAGS,
        extra_link_args=[] if sys.platform == "win32" else ["-pthread"],
        depends=HEADERS,
        language="c++",
    )


setup(
    libraries=[("bitindex_core", CORE)],
    ext_modules=[
        extension(
            "bitindex._core",
            sorted(glob("csrc/bindings/*.cpp")),
            ["csrc", pybind11.get_include()],
        ),
        *cythonize(
            extension("bitindex._bitops", ["bitindex/_bitops.pyx"], ["csrc"]),
            build_dir="build/cython",
            compiler_directives={"language_level": 3, "embedsignature": True},
        ),
    ],
)
