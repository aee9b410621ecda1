"""Which instruction sets there are, and how one is chosen."""

import os
import subprocess
import sys

import pytest

from bitindex import _core


def test_list_of_instruction_sets():
    assert (
        set(_core.supported_isas())
        <= set(_core.compiled_isas())
        <= {"generic", "avx2", "avx512", "neon"}
    )
    assert _core.supported_isas()[-1] == "generic"
    assert _core.active_isa() in _core.supported_isas()


def run_with_isa(name):
    code = """
from bitindex import _core
try:
    print(_core.active_isa())
except ValueError as error:
    print(error)
"""
    environment = {**os.environ, "BITINDEX_ISA": name}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def test_environment_variable_forces_an_instruction_set():
    for name in _core.supported_isas():
        assert run_with_isa(name) == name
    assert run_with_isa("") == _core.supported_isas()[0]


def test_unknown_instruction_set_is_refused_with_the_choices():
    choices = ", ".join(_core.supported_isas())
    assert run_with_isa("mmx") == f"BITINDEX_ISA=mmx is unknown; choose one of: {choices}"
    with pytest.raises(ValueError, match="choose one of"):
        _core.Kernels("mmx")
    with pytest.raises(ValueError, match="choose one of"):
        _core.use_isa("mmx")


def test_unsupported_instruction_set_is_refused_with_the_choices():
    unsupported = [name for name in _core.compiled_isas() if name not in _core.supported_isas()]
    if not unsupported:
        pytest.skip("this CPU supports every instruction set that is compiled in")
    choices = ", ".join(_core.supported_isas())
    for name in unsupported:
        assert run_with_isa(name) == (
            f"BITINDEX_ISA={name} is not supported by this CPU; choose one of: {choices}"
        )


def test_use_isa_switches():
    before = _core.active_isa()
    try:
        for name in _core.supported_isas():
            _core.use_isa(name)
            assert _core.active_isa() == name
    finally:
        _core.use_isa(before)
