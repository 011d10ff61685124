"""Lean processes: the batch service has no pandas in memory, and whoever wants it there gets it."""

import subprocess
import sys

from core.hashing import hashes

PROGRAM = """
import sys
import infra.local.batch
import pyarrow as pa

texts = pa.array(["short", "x" * 100, None])
assert pa.table({"text": texts, "number": pa.array([1, None, 3])}).num_rows == 3
assert "pandas" not in sys.modules, "pandas"
from core.hashing import hashes

print(hashes(texts).tolist())
assert "pandas" in sys.modules
"""


def test_the_batch_service_does_without_pandas_until_it_hashes_a_long_text() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(hashes(["short", "x" * 100, None]).tolist())
