"""What to compile. Everything else stands in pyproject.toml.

Two environment variables are read: BITINDEX_BUILD_JOBS, how many files to compile at once (default:
one for each CPU), and BITINDEX_SANITIZE, the sanitizers of `make sanitize` and `make race`.
"""

import os
import sys
import sysconfig
from glob import glob
from pathlib import Path

import pybind11
from Cython.Build import cythonize
from pybind11.setup_helpers import ParallelCompile
from setuptools import Extension, setup

SANITIZE = os.environ.get("BITINDEX_SANITIZE", "")

# Instruction sets are chosen at run time, so nothing here may name one. A product is rounded before
# it is added (no contraction), so that floating point results do not depend on the machine. Without
# traps, of which nothing here makes use, GCC vectorises loops that compare. -g0
# because Python's own flags ask for debug information: it triples the time and the size.
if sys.platform == "win32":
    FLAGS = ["/std:c++17", "/O2", "/fp:precise", "/EHsc"]
    LINK_FLAGS = []
elif SANITIZE:
    LINK_FLAGS = ["-pthread", f"-fsanitize={SANITIZE}"]
    FLAGS = ["-O1", "-g1", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all", LINK_FLAGS[1]]
else:
    FLAGS = ["-O3", "-g0"]
    LINK_FLAGS = ["-pthread"]
    if sys.platform == "linux":
        LINK_FLAGS.append("-Wl,--strip-all")  # names of symbols are an eighth of the wheel
if sys.platform != "win32":
    FLAGS += ["-std=c++17", "-ffp-contract=off", "-fno-trapping-math", "-fvisibility=hidden"]
    FLAGS += ["-Wall", "-Wextra"]

CORE_SOURCES = [
    source
    for folder in ("kernels", "codes", "tables", "scan", "encode", "graph", "index")
    for source in sorted(glob(f"csrc/{folder}/*.cpp"))
]
HEADERS = sorted(glob("csrc/*/*.h"))

# pybind11 takes eight seconds to compile in every file that includes it, however short. In two
# files, for two CPUs, all bindings together take a third of the time that they take one by one.
BINDING_SOURCES = sorted(glob("csrc/bindings/*.cpp"))
BINDINGS = {f"build/bindings_{i}.cpp": BINDING_SOURCES[i::2] for i in range(2)}
Path("build").mkdir(exist_ok=True)
for file, sources in BINDINGS.items():
    Path(file).write_text("".join(f'#include "../{source}"\n' for source in sources))

# Objects outlive a build, so that the next one compiles what has changed; without build isolation
# that is a file after an edit. They are kept apart for each kind of build.
OBJECTS = f"build/{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
if SANITIZE:
    OBJECTS += "-" + SANITIZE.replace(",", "-")
SHARED = [*HEADERS, "setup.py", f"{pybind11.get_include()}/pybind11/pybind11.h"]


def is_outdated(object_file: str, source: str) -> bool:
    sources = BINDINGS.get(source, [source])
    changed = max(os.path.getmtime(path) for path in [*SHARED, *sources])
    return os.path.getmtime(object_file) <= changed


def extension(name: str, sources: list[str], include_dirs: list[str]) -> Extension:
    return Extension(
        name,
        sources,
        include_dirs=include_dirs,
        extra_compile_args=FLAGS,
        extra_link_args=LINK_FLAGS,
        language="c++",
    )


core = {
    "sources": CORE_SOURCES,
    "include_dirs": ["csrc"],
    "cflags": FLAGS,
    "obj_deps": {"": SHARED},
}
extensions = [
    extension("bitindex._core", [*BINDINGS], ["csrc", pybind11.get_include()]),
    *cythonize(
        extension("bitindex._bitops", ["bitindex/_bitops.pyx"], ["csrc"]),
        build_dir="build/cython",
        compiler_directives={"language_level": 3, "embedsignature": True},
    ),
]
for module in extensions:
    # When to look again; is_outdated says which files to compile then.
    module.depends = [*CORE_SOURCES, *BINDING_SOURCES, *HEADERS, "setup.py"]

ParallelCompile("BITINDEX_BUILD_JOBS", max=8, needs_recompile=is_outdated).install()
setup(
    libraries=[("bitindex_core", core)],
    ext_modules=extensions,
    options={
        "build_clib": {"build_clib": OBJECTS, "build_temp": OBJECTS},
        # Forced, because linking does not look at the library; is_outdated still spares compiling.
        "build_ext": {"build_temp": OBJECTS, "parallel": 2, "force": True},
    },
)
