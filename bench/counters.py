"""Instructions and cycles of the calling thread, from Linux's perf_event_open."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct
from collections.abc import Callable

_SYSTEM_CALL = {"x86_64": 298, "aarch64": 241}

# linux/perf_event.h: struct perf_event_attr of its first version, and what is used of it.
_ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")
_HARDWARE, _CYCLES, _INSTRUCTIONS = 0, 0, 1
_TIMES_AND_GROUP = 1 | 2 | 8
_DISABLED, _NO_KERNEL, _NO_HYPERVISOR = 1 << 0, 1 << 5, 1 << 6
_ENABLE, _DISABLE, _RESET, _WHOLE_GROUP = 0x2400, 0x2401, 0x2403, 1


class Counters:
    """Counts what one thread does outside the kernel; the thread that makes this object.

    Raises
    ------
    OSError
        If this system has no such counters or does not let this process have them.
    """

    def __init__(self) -> None:
        number = _SYSTEM_CALL.get(platform.machine())
        if platform.system() != "Linux" or number is None:
            raise OSError(errno.ENOSYS, "perf_event_open is known for Linux on x86-64 and Arm only")
        self._instructions = _open(number, _INSTRUCTIONS, -1)
        self._cycles = _open(number, _CYCLES, self._instructions)

    def count(self, run: Callable[[], object]) -> tuple[int, int]:
        """Return the instructions and cycles of run()."""
        fcntl.ioctl(self._instructions, _RESET, _WHOLE_GROUP)
        fcntl.ioctl(self._instructions, _ENABLE, _WHOLE_GROUP)
        run()
        fcntl.ioctl(self._instructions, _DISABLE, _WHOLE_GROUP)
        _, enabled, running, instructions, cycles = struct.unpack(
            "=5Q", os.read(self._instructions, 40)
        )
        if running < enabled:
            raise OSError(errno.EBUSY, "the counters are shared with another program")
        return instructions, cycles

    def fewest(self, run: Callable[[], object], n_runs: int) -> tuple[int, int]:
        """Return the fewest instructions and the fewest cycles of some runs.

        Instructions differ by what Python does besides; cycles by what the machine does besides.
        """
        counts = [self.count(run) for _ in range(n_runs)]
        return min(first for first, _ in counts), min(second for _, second in counts)


def _open(number: int, event: int, leader: int) -> int:
    flags = (_DISABLED if leader < 0 else 0) | _NO_KERNEL | _NO_HYPERVISOR
    attributes = _ATTRIBUTES.pack(
        *(_HARDWARE, _ATTRIBUTES.size, event, 0, 0, _TIMES_AND_GROUP, flags, 0, 0, 0)
    )
    libc = ctypes.CDLL(None, use_errno=True)
    this_thread, any_cpu = 0, -1
    descriptor = libc.syscall(number, attributes, this_thread, any_cpu, leader, 0)
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"perf_event_open: {os.strerror(code)}")
    return int(descriptor)
