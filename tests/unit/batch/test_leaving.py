"""Leaving: a process that Dask started ends without more ado, one of its own as all do."""

import atexit
import multiprocessing
import subprocess
import sys
from pathlib import Path

from batch.leaving import leave_at_once

ROOT = Path(__file__).parents[3]


def slowly(done: Path) -> None:
    atexit.register(done.write_text, "tidied")
    leave_at_once()
    sys.stdout.write("its last words")


def test_a_process_of_dasks_ends_without_tidying(tmp_path: Path, capfd) -> None:
    done = tmp_path / "done"
    process = multiprocessing.get_context("spawn").Process(target=slowly, args=(done,))
    process.start()
    process.join()

    assert (process.exitcode, done.exists()) == (0, False)
    assert "its last words" in capfd.readouterr().out


def test_a_process_of_its_own_tidies(tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = f"from pathlib import Path; from tests.unit.batch.test_leaving import slowly; slowly(Path({str(done)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

    assert done.read_text() == "tidied"
