"""What a worker process may take; each test in a process of its own, which such limits would outlive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="this system holds no process to it")


def run(script: str) -> subprocess.CompletedProcess[str]:
    lines = f"from deepseek_ocr_rag import confine\n{script}"
    return subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)


@linux
def test_no_more_memory_than_allowed() -> None:
    done = run("confine.limit_memory(1 << 30)\ntry:\n    bytearray(2 << 30)\nexcept MemoryError:\n    print('refused')")
    assert done.stdout == "refused\n"
    assert run("confine.limit_memory(1 << 30)\nprint(len(bytearray(1 << 20)))").stdout == f"{1 << 20}\n"


@linux
def test_a_lower_limit_of_somebody_else_stays() -> None:
    script = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
confine.limit_memory(4 << 30)
print(resource.getrlimit(resource.RLIMIT_AS)[0])
"""
    assert run(script).stdout == f"{1 << 30}\n"


@linux
def test_a_whole_page_fits_into_the_pipe() -> None:
    done = run(
        "import fcntl, os, sys\n"
        "reader, writer = os.pipe()\n"
        "confine.widen_pipe(writer)\n"
        "confine.widen_pipe(os.open(os.devnull, os.O_WRONLY))\n"
        "print(fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ) == confine.PIPE)"
    )
    assert done.stdout == "True\n"


@linux
def test_a_page_that_takes_for_ever_ends_the_process() -> None:
    done = run("import time\nconfine.GRACE = 0\nconfine.give_up_after(0.2)\ntime.sleep(60)")
    assert done.returncode == -signal.SIGALRM
    assert (
        run(
            "import time\nconfine.GRACE = 0\nconfine.give_up_after(0.2)\nconfine.give_up_after(0)\ntime.sleep(0.4)"
        ).returncode
        == 0
    )


@linux
def test_a_process_whose_parent_is_gone_already_ends_at_once() -> None:
    assert run(f"confine.end_with({os.getpid()})\nprint('on')").stdout == "on\n"
    assert run("confine.end_with(1 << 29)\nprint('on')").stdout == ""


@linux
def test_memory_is_told() -> None:
    script = "was = confine.memory_in_use()\nkept = b'x' * (64 << 20)\nprint(confine.memory_in_use() - was >= 60 << 20)"
    assert run(script).stdout == "True\n"
    assert (
        run("print(confine.memory_taken() > confine.memory_in_use() > 0)\nconfine.return_memory()").stdout == "True\n"
    )
