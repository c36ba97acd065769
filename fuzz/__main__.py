"""Run the targets: ``python -m fuzz --seconds 60``; with atheris where it is installed, else by plain mutation.

Each target is a process of its own, two at a time. What breaks a target is written to a folder and named; to look at
it again, pass the file: ``python -m fuzz --target tables found/tables-1234.bin``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .seeds import SEEDS, WORDS
from .targets import TARGETS

LONGEST = 3000
"""Bytes of an input: what is slow for its length shows with these."""

SLOW = 5.0
"""Seconds of processor time that no input may take."""

TOKENS = tuple(word.encode("utf-8", "surrogateescape") for word in WORDS)


_TRIED = re.compile(r"number_of_executed_units: (\d+)")


class TooSlow(AssertionError):
    """An input took more time than any may."""


def main() -> int:
    """Fuzz, or try what was found before; 1 if something broke."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together, two at a time")
    parser.add_argument("--target", choices=sorted(TARGETS), help="only this one")
    parser.add_argument("--seed", type=int, default=None, help="of plain mutation, to do the same again")
    parser.add_argument("--found", type=Path, default=Path("out/fuzz"), help="where to write what breaks a target")
    parser.add_argument("--plain", action="store_true", help="mutate plainly, also where atheris is installed")
    parser.add_argument("inputs", nargs="*", type=Path, help="files to try once")
    wishes = parser.parse_args()
    if wishes.inputs:
        for path in wishes.inputs:
            timed(TARGETS[wishes.target], path.read_bytes())
        return 0
    if wishes.target is None:
        return run_all(wishes)
    if importlib.util.find_spec("atheris") and not wishes.plain:
        return with_atheris(wishes.target, wishes.seconds, wishes.found)
    return plainly(wishes.target, wishes.seconds, wishes.found, wishes.seed)


def run_all(wishes: argparse.Namespace) -> int:
    """All targets, two at a time, within the seconds."""
    share = wishes.seconds / -(-len(TARGETS) // 2)
    command = [sys.executable, "-m", "fuzz", "--seconds", str(share), "--found", str(wishes.found)]
    command += ["--plain"] * wishes.plain + ([] if wishes.seed is None else ["--seed", str(wishes.seed)])

    def run(name: str) -> int:
        done = subprocess.run([*command, "--target", name], check=False, capture_output=True, text=True)
        said = (done.stdout + done.stderr).strip()
        tried = _TRIED.search(said)  # atheris says much more than what a run was good for
        print(f"{name}: {tried[1]} inputs, led by coverage" if tried and not done.returncode else said, flush=True)
        return done.returncode

    with ThreadPoolExecutor(2) as pool:
        return int(any(pool.map(run, TARGETS)))


def plainly(name: str, seconds: float, found: Path, seed: int | None = None) -> int:
    """Mutate seeds and their offspring until the time is up; 1 with the first input that breaks the target."""
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    chance = random.Random(seed)
    pool = [text.encode() for text in SEEDS[name]]
    end, tried = time.monotonic() + seconds, 0
    for data in pool:
        timed(TARGETS[name], data)
    while time.monotonic() < end:
        data = mutated(chance, pool)
        tried += 1
        try:
            timed(TARGETS[name], data)
        except Exception:  # noqa: BLE001 - whatever comes out is what is looked for
            path = found / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
            found.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            traceback.print_exc()
            print(f"{name}: broken by {path}, the {tried}th input of --seed {seed}")
            return 1
        if len(pool) < 400 and chance.random() < 0.05:
            pool.append(data)
    print(f"{name}: {tried} inputs of --seed {seed}")
    return 0


def timed(target: Callable[[bytes], None], data: bytes) -> None:
    """Try one input; too slow is broken, too."""
    start = time.process_time()
    target(data)
    if time.process_time() - start > SLOW:
        raise TooSlow(f"{len(data)} bytes took {time.process_time() - start:.1f} s")


def mutated(chance: random.Random, pool: list[bytes]) -> bytes:
    """A few changes to something that is there: words put in, pieces dropped, repeated, exchanged, bits turned."""
    data = bytearray(chance.choice(pool))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randint(0, len(data))
        size = min(len(data) - at, chance.choice((1, 2, 4, 16, 64)))
        kind = chance.randrange(6)
        if kind == 0:
            data[at:at] = chance.choice(TOKENS)
        elif kind == 1:
            data[at : at + size] = b""
        elif kind == 2:
            data[at:at] = data[at : at + size] * chance.choice((1, 2, 50))
        elif kind == 3:
            other = chance.choice(pool)
            start = chance.randint(0, len(other))
            data[at : at + size] = other[start : start + chance.choice((4, 40, 400))]
        elif kind == 4 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        else:
            data[at:at] = chance.choice(TOKENS) * chance.choice((2, 20, 200))
    return bytes(data[:LONGEST])


def with_atheris(name: str, seconds: float, found: Path) -> int:
    """The same, led by what code the inputs reach; atheris ends the process itself."""
    import atheris

    with atheris.instrument_imports(include=["deepseek_ocr_rag"]):
        for module in [module for module in sys.modules if module.startswith(("deepseek_ocr_rag", "fuzz.targets"))]:
            del sys.modules[module]
        from .targets import TARGETS as INSTRUMENTED

    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, text in enumerate(SEEDS[name]):
            Path(corpus, str(number)).write_bytes(text.encode())
        words = Path(corpus).with_suffix(".words")
        words.write_text("".join(f'"{_quoted(token)}"\n' for token in TOKENS), encoding="ascii")
        options = [f"-max_total_time={max(1, round(seconds))}", f"-max_len={LONGEST}", f"-timeout={round(SLOW)}"]
        options += [f"-artifact_prefix={found}/{name}-", f"-dict={words}", "-verbosity=0", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, corpus], INSTRUMENTED[name])
        atheris.Fuzz()
    return 0


def _quoted(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    sys.exit(main())
