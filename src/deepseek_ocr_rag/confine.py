"""A worker process keeps within its memory, ends with its parent, and gives itself up when a page takes for ever.

Each of these is held by the operating system, since a library that hangs or runs wild lets no Python run. What a system
does not offer is gone without: the parent's own watch over its workers does not need it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

GRACE = 60
"""Seconds after its limit at which a worker gives itself up, loading libraries included: its parent, which is there as
a rule, is quicker."""

PIPE = 1 << 20
"""Bytes that a pipe to the parent holds; the most that Linux gives without asking. Pages are a quarter of it."""

_PR_SET_PDEATHSIG = 1


def limit_memory(size: int) -> None:
    """Let this process have no more than ``size`` bytes of address space."""
    try:
        import resource
    except ImportError:
        return  # Windows
    with contextlib.suppress(ValueError, OSError):  # macOS refuses; a lower hard limit was set by somebody else
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


def end_with(parent: int) -> None:
    """Have this process killed when the process ``parent``, which started it, ends in whatever way (Linux).

    To Linux the parent is the thread that started it: the event loop's, which its pool does not outlive.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)  # it ended before that was said


def widen_pipe(descriptor: int) -> None:
    """Let a pipe hold a whole page, so that its writer need not wait for a busy reader (Linux, as far as it allows)."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE)


def give_up_after(seconds: float) -> None:
    """Have this process ended if it is still busy after this time; 0 takes that back."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE if seconds else 0)


def return_memory() -> None:
    """Give what was freed back to the system, which the C library keeps otherwise (glibc)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def memory_taken() -> int:
    """Bytes of address space that this process has; 0 where the system does not tell."""
    return _pages(0)


def memory_in_use() -> int:
    """Bytes of memory that this process has in use; 0 where the system does not tell."""
    return _pages(1)


def _pages(column: int) -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[column])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
