"""How long ``import deepseek_ocr_rag`` takes, and what it prints, beside an interpreter that imports nothing.

    python benchmarks/startup.py

The limit that we keep is 0.3 s.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 9


def main() -> int:
    """Time both, alternately."""
    seconds: dict[str, list[float]] = {"pass": [], "import deepseek_ocr_rag": []}
    printed = ""
    for _ in range(RUNS):
        for program, times in seconds.items():
            started = time.perf_counter()
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
            times.append(time.perf_counter() - started)
            printed += done.stdout + done.stderr
    bare, ours = (statistics.median(times) for times in seconds.values())
    print(f"interpreter alone {bare:.3f} s, with the import {ours:.3f} s: the import costs {ours - bare:.3f} s")
    print(f"printed by the import: {printed!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
