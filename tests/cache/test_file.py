"""The cache's file: what was put is there, whatever happens to the process, the disk and the bytes."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from deepseek_ocr_rag.cache.file import CacheFile, Row
from deepseek_ocr_rag.cache.place import set_aside

ROOM = 1 << 30


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def row(number: int, data: bytes = b"", *, document: str = "d", kind: str = "answer") -> Row:
    return Row(
        digest=digest_of(number), kind=kind, document=document, page_number=number, data=data or b"row %d" % number
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pages.sqlite"


@pytest.fixture
def file(path: Path) -> Iterator[CacheFile]:
    with closing(CacheFile(path, max_bytes=ROOM)) as opened:
        yield opened


def filled(path: Path, *, rows: int = 200, size: int = 3000) -> dict[int, bytes]:
    """A file with rows of noise, closed."""
    noise = random.Random(1)
    kept = {number: noise.randbytes(size) for number in range(rows)}
    with closing(CacheFile(path, max_bytes=ROOM)) as opened:
        assert all(opened.put(row(number, data)) for number, data in kept.items())
    return kept


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


class Keeping(RuleBasedStateMachine):
    """Against a dictionary in the order of use: the same rows, the same order of going, and never over the limit."""

    @initialize(most=st.integers(12, 40))
    def begin(self, most: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.most = most * 4096
        self.file = CacheFile(self.folder / "pages.sqlite", max_bytes=self.most)
        self.kept: dict[int, bytes] = {}

    def teardown(self) -> None:
        self.file.close()
        shutil.rmtree(self.folder)

    @rule(number=st.integers(0, 12), size=st.integers(0, 12_000), fill=st.integers(0, 255))
    def put(self, number: int, size: int, fill: int) -> None:
        data = bytes([fill]) * size + b"."
        assert self.file.put(row(number, data))
        self.kept.pop(number, None)
        self.kept[number] = data
        there = {number for number in self.kept if self.is_there(number)}
        gone = [number for number in self.kept if number not in there]
        assert gone == list(self.kept)[: len(gone)], "the oldest go first"
        for old in gone:
            del self.kept[old]

    @rule(number=st.integers(0, 12))
    def get(self, number: int) -> None:
        expected = self.kept.pop(number, None)
        assert self.file.get(digest_of(number)) == expected
        if expected is not None:
            self.kept[number] = expected

    @rule(number=st.integers(0, 12))
    def delete(self, number: int) -> None:
        self.file.delete(digest_of(number))
        self.kept.pop(number, None)

    @rule()
    def reopen(self) -> None:
        self.file.close()
        self.file = CacheFile(self.folder / "pages.sqlite", max_bytes=self.most)

    @rule()
    def clear(self) -> None:
        assert self.file.clear() == len(self.kept)
        self.kept = {}

    @invariant()
    def is_small(self) -> None:
        if (self.folder / "pages.sqlite").exists():
            with closing(sqlite3.connect(self.folder / "pages.sqlite")) as other:
                assert other.execute("PRAGMA page_count").fetchone()[0] * 4096 <= self.most

    def is_there(self, number: int) -> bool:
        """Looked up beside the file, so that this is no use of the row."""
        with closing(sqlite3.connect(self.folder / "pages.sqlite")) as other:
            return bool(other.execute("SELECT 1 FROM entries WHERE digest = ?", (digest_of(number),)).fetchone())


Keeping.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestKeeping = Keeping.TestCase


def test_eviction_takes_what_was_not_used_for_the_longest_time(path: Path) -> None:
    with closing(CacheFile(path, max_bytes=300_000)) as file:
        for number in range(90):
            file.put(row(number, os.urandom(4000)))
            assert file.get(digest_of(0)) is not None
        left = [number for number in range(90) if file.get(digest_of(number)) is not None]
    assert left[0] == 0
    assert left[1:] == list(range(91 - len(left), 90))
    assert 40 < len(left) < 75


def test_a_file_over_a_new_limit_shrinks(path: Path) -> None:
    filled(path)
    before = path.stat().st_size
    with closing(CacheFile(path, max_bytes=200_000)) as file:
        file.put(row(1000))
        assert file.get(digest_of(1000)) == b"row 1000"
    assert path.stat().st_size <= 200_000 < before


def test_a_row_that_is_larger_than_the_file_may_be_is_not_kept(path: Path) -> None:
    with closing(CacheFile(path, max_bytes=100_000)) as file:
        file.put(row(1, os.urandom(200_000)))
        assert file.get(digest_of(1)) is None
    assert path.stat().st_size <= 100_000


def test_what_is_cleared_leaves_no_trace(file: CacheFile, path: Path) -> None:
    secret = b"the patient's name is Marguerite"
    for number in range(20):
        file.put(row(number, secret * 40, document="a"))
    file.put(row(20, document="b"))
    assert file.clear(document="a") == 20
    assert file.get(digest_of(20)) == b"row 20"
    for name in path.parent.iterdir():
        assert secret not in name.read_bytes()
    assert path.stat().st_size < 40_000


def test_only_what_was_not_used_lately_is_cleared(file: CacheFile) -> None:
    file.put(row(1))
    file.put(row(2))
    then = time.time_ns()
    file.get(digest_of(1))
    assert file.clear(before=then) == 1
    assert file.get(digest_of(1)) is not None
    assert file.get(digest_of(2)) is None


def test_none_but_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pages.sqlite"
    with closing(CacheFile(path, max_bytes=ROOM)) as file:
        file.put(row(1))
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for name in path.parent.iterdir():
            assert stat.S_IMODE(name.stat().st_mode) == 0o600, name


def test_rows_with_nearly_the_same_digest_are_not_mixed_up(file: CacheFile) -> None:
    other = digest_of(1)[:20] + bytes(12)
    file.put(row(1))
    assert file.get(other) is None
    file.put(Row(digest=other, kind="answer", document="d", page_number=1, data=b"other"))
    assert (file.get(other), file.get(digest_of(1))) == (b"other", None)


def test_a_put_is_written_at_once_and_to_a_log(file: CacheFile) -> None:
    file.put(row(1))
    assert file._connection is not None
    assert file._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert file._connection.execute("PRAGMA synchronous").fetchone() == (1,)
    assert not file._connection.in_transaction


def test_threads_share_a_file(file: CacheFile) -> None:
    def work(first: int) -> None:
        for number in range(first, first + 50):
            assert file.put(row(number))
            assert file.get(digest_of(number)) == b"row %d" % number

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(file.get(digest_of(number)) for number in range(400))


WRITERS = """
import hashlib, os, sys
from pathlib import Path
from deepseek_ocr_rag.cache.file import CacheFile, Row

def write(path, first, most):
    file = CacheFile(path, max_bytes=1 << 30)
    for number in range(first, first + most):
        digest = hashlib.sha256(b"%d" % number).digest()
        data = b"row %d" % number + bytes(5000)
        if file.put(Row(digest=digest, kind="answer", document="d", page_number=number, data=data)):
            os.write(1, b"%d\\n" % number)
    file.close()

path, most = Path(sys.argv[1]), int(sys.argv[2])
for line in sys.stdin:  # a process for each line, since starting Python for each takes long
    children = []
    for first in map(int, line.split()):
        children.append(os.fork())
        if not children[-1]:
            write(path, first, most)
            os._exit(0)
    os.write(1, b"pids %s\\n" % b" ".join(b"%d" % child for child in children))
    for child in children:
        os.waitpid(child, 0)
    os.write(1, b"done\\n")
"""


@contextmanager
def writers(path: Path, *, rows: int) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a process that puts so many rows for each number of a line that it is written, from that number on."""
    command = [sys.executable, "-c", WRITERS, str(path), str(rows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        yield process


def said_by(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What the writers say, up to their end."""
    assert process.stdout is not None
    while (line := process.stdout.readline()) != b"done\n":
        assert line, "the writers ended"
        yield line


def test_processes_write_at_once(path: Path) -> None:
    firsts = (0, 1000, 2000, 3000)
    with writers(path, rows=100) as process:
        assert process.stdin is not None
        process.stdin.write(b"0 1000 2000 3000\n")
        said = {int(line) for line in said_by(process) if not line.startswith(b"pids")}
    assert said == {first + number for first in firsts for number in range(100)}
    with closing(CacheFile(path, max_bytes=ROOM)) as file:
        for number in said:
            assert file.get(digest_of(number)) == b"row %d" % number + bytes(5000)
    assert not list(path.parent.glob("*broken*"))


def test_what_was_acknowledged_survives_a_kill_at_any_moment(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    moments = random.Random(7)
    acknowledged: set[int] = set()
    with writers(path, rows=1_000_000) as process:
        assert process.stdin is not None
        for attempt in range(20):
            process.stdin.write(b"%d\n" % (attempt * 1_000_000))
            pids: list[int] = []
            for line in said_by(process):
                if line.startswith(b"pids"):
                    pids = [int(line.split()[1])]
                else:
                    acknowledged.add(int(line))
                if pids and attempt * 1_000_000 in acknowledged:  # it is in the middle of its work
                    time.sleep(moments.uniform(0, 0.02))
                    os.kill(pids.pop(), signal.SIGKILL)
            with closing(CacheFile(path, max_bytes=ROOM)) as file:
                for number in acknowledged:
                    assert file.get(digest_of(number)) == b"row %d" % number + bytes(5000)
    assert len(acknowledged) > 20
    assert not warnings(caplog)
    assert not list(path.parent.glob("*broken*"))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_has_a_connection_of_its_own(file: CacheFile) -> None:
    file.put(row(1))
    child = os.fork()
    if child == 0:
        done = file._connection is None and file.get(digest_of(1)) == b"row 1" and file.put(row(2))
        os._exit(0 if done else 1)
    file.put(row(3))
    assert os.waitpid(child, 0)[1] == 0
    assert [file.get(digest_of(number)) for number in (1, 2, 3)] == [b"row 1", b"row 2", b"row 3"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_is_not_held_up_by_another_thread(file: CacheFile) -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            file.put(row(1))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                os._exit(0 if file.get(digest_of(1)) else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()


def broken_as(path: Path, how: str) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        if how == "cut off":
            file.truncate(size * 2 // 3)
        elif how == "cut off within the first page":
            file.truncate(50)
        elif how == "another file":
            file.write(b"%PDF-1.7 nothing of ours" * 10)
        elif how == "head overwritten":
            file.write(os.urandom(100))
        elif how == "tables overwritten":
            file.seek(100)
            file.write(b"\xff" * 3996)
        else:
            assert how == "all pages overwritten"
            for page in range(1, size // 4096):
                file.seek(page * 4096)
                file.write(os.urandom(64))


@pytest.mark.parametrize(
    "how",
    [
        "cut off",
        "cut off within the first page",
        "another file",
        "head overwritten",
        "tables overwritten",
        "all pages overwritten",
    ],
)
def test_a_broken_file_is_set_aside_and_a_new_one_begun(path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    kept = filled(path)
    broken_as(path, how)
    with closing(CacheFile(path, max_bytes=ROOM)) as file:
        for number, data in kept.items():
            assert file.get(digest_of(number)) in (None, data)
        for number in range(500, 520):
            assert file.put(row(number))
        assert all(file.get(digest_of(number)) for number in range(500, 520))
        assert "pages.sqlite.broken-1" in file.trouble
    assert path.with_name("pages.sqlite.broken-1").exists()
    assert len(warnings(caplog)) == 1
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("seed", range(8))
def test_bytes_overwritten_anywhere_never_give_a_wrong_row(path: Path, seed: int) -> None:
    kept = filled(path, rows=60)
    noise = random.Random(seed)
    with path.open("r+b") as file:
        for _ in range(20):
            file.seek(noise.randrange(100, path.stat().st_size - 50))
            file.write(noise.randbytes(50))
    with closing(CacheFile(path, max_bytes=ROOM)) as cache:
        for _ in range(2):
            for number, data in kept.items():
                assert cache.get(digest_of(number)) in (None, data)
        for number, data in 2 * list(kept.items()):  # the damage may be found, and all set aside, by putting
            cache.put(row(number, data))
        assert all(cache.get(digest_of(number)) == data for number, data in kept.items())


def test_a_row_that_was_changed_is_deleted(file: CacheFile, path: Path) -> None:
    file.put(row(1, b"as it was read"))
    file.put(row(2))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE bodies SET data = ? WHERE data = ?", (b"as it was changed", b"as it was read"))
    assert file.get(digest_of(1)) is None
    assert [(tally.kind, tally.rows) for tally in file.tallies()] == [("answer", 1)]
    assert file.trouble == ""


@pytest.mark.parametrize(
    "change",
    [
        "PRAGMA user_version = 2",
        "ALTER TABLE entries ADD COLUMN more",
        "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
    ],
)
def test_a_file_of_another_version_is_set_aside_whole(path: Path, change: str) -> None:
    filled(path, rows=3)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(change)
    with closing(CacheFile(path, max_bytes=ROOM)) as file:
        assert file.get(digest_of(1)) is None
        assert file.put(row(1))
    with closing(sqlite3.connect(path.with_name("pages.sqlite.broken-1"))) as other:
        assert other.execute("SELECT COUNT(*) FROM entries").fetchone() == (3,)


def test_few_broken_files_are_left(path: Path) -> None:
    for number in range(6):
        path.write_bytes(b"%d is not a database" % number * 100)
        with closing(CacheFile(path, max_bytes=ROOM)) as file:
            assert file.put(row(1))
    assert sorted(name.name for name in path.parent.glob("*broken*")) == [
        f"pages.sqlite.broken-{number}" for number in (4, 5, 6)
    ]


def test_files_of_others_are_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    letters = tmp_path / "letters.sqlite"
    with closing(sqlite3.connect(letters)) as other, other:
        other.execute("CREATE TABLE letters (text)")
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"%PDF-1.7 " * 100)
    for path in (letters, paper):
        before = path.read_bytes()
        with closing(CacheFile(path, max_bytes=ROOM)) as file:
            assert file.get(digest_of(1)) is None
            assert not file.put(row(1))
            assert str(path) in file.trouble
        assert path.read_bytes() == before
    assert {name.name for name in tmp_path.iterdir()} == {"letters.sqlite", "paper.pdf"}
    assert len(warnings(caplog)) == 2


def test_two_processes_heal_once(path: Path) -> None:
    filled(path)
    with closing(CacheFile(path, max_bytes=ROOM)) as one, closing(CacheFile(path, max_bytes=ROOM)) as other:
        one.get(digest_of(1))
        other.get(digest_of(1))
        broken_as(path, "all pages overwritten")
        for file in (one, other):  # each has pages of the old file in memory, and its lock
            for number in range(200):
                file.get(digest_of(number))
            assert file.put(row(500 + file.max_bytes % 2))
        assert one.put(row(600))
        assert other.get(digest_of(600)) == b"row 600"
    assert len(list(path.parent.glob("*.broken-?"))) == 1


def test_a_file_that_somebody_began_meanwhile_is_not_set_aside(file: CacheFile, path: Path) -> None:
    file.put(row(1))
    set_aside(path)  # by another process, which has found the damage first
    with closing(CacheFile(path, max_bytes=ROOM)) as other:
        other.put(row(2))
        assert file._is_renewed(sqlite3.DatabaseError("malformed"))
        assert file.get(digest_of(2)) == b"row 2"
    assert file.trouble == ""


def test_a_file_that_was_deleted_meanwhile_is_made_again(file: CacheFile, path: Path) -> None:
    file.put(row(1))
    path.unlink()
    assert file.put(row(2))
    with closing(CacheFile(path, max_bytes=ROOM)) as other:
        assert other.get(digest_of(2)) == b"row 2"


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with closing(CacheFile(tmp_path / "file" / "pages.sqlite", max_bytes=ROOM)) as file:
        for number in range(3):
            assert file.get(digest_of(number)) is None
            assert not file.put(row(number))
        assert file.clear() == 0
    assert len(warnings(caplog)) == 1


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_written_to_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.sqlite"
        filled(path, rows=3)
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        with as_nobody(), closing(CacheFile(path, max_bytes=ROOM)) as file:
            for number in range(3):
                assert file.get(digest_of(number)) in (None, filled)
                assert not file.put(row(number))
        Path(folder).chmod(0o755)
    assert len(warnings(caplog)) == 1


def test_a_full_disk_is_said_once_and_what_is_there_is_read(file: CacheFile, caplog: pytest.LogCaptureFixture) -> None:
    file.put(row(1))
    assert file._connection is not None
    file._connection.execute("PRAGMA max_page_count = 12").fetchall()
    assert not all(file.put(row(number, os.urandom(9000))) for number in range(2, 12))
    assert not file.put(row(50))
    assert file.get(digest_of(1)) == b"row 1"
    assert len(warnings(caplog)) == 1
    assert "full" in file.trouble


def test_a_connection_that_was_left_within_its_work_is_made_anew(file: CacheFile, path: Path) -> None:
    file.put(row(1))
    assert file._connection is not None
    file._connection.execute("BEGIN")
    assert file.put(row(2))
    assert [file.get(digest_of(number)) for number in (1, 2)] == [b"row 1", b"row 2"]
    assert {name.name for name in path.parent.iterdir()} <= {path.name, f"{path.name}-wal", f"{path.name}-shm"}


def test_a_file_that_others_do_not_let_go_of_holds_nobody_up(
    file: CacheFile, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepseek_ocr_rag.cache.database._BUSY_SECONDS", 0.05)
    file.put(row(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        file._drop()
        for number in range(2, 200):
            assert not file.put(row(number))
        assert file.get(digest_of(1)) == b"row 1"
        other.execute("ROLLBACK")
    assert len(warnings(caplog)) == 1
    file._writes_from = 0.0  # a minute later
    assert file.put(row(2))


def test_a_closed_file_has_nothing(file: CacheFile) -> None:
    file.put(row(1))
    file.close()
    assert file.get(digest_of(1)) is None
    assert not file.put(row(2))
    file.close()
