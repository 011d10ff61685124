"""Logs of a batch service: JSON lines that say whose job it was and how long it took, and nothing of rows or secrets."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.batches import failed_documents, logs
from core.collections import delete_collection
from core.secrets import create_secret
from core.settings import Settings
from core.stores import Stores
from core.tenancy import Principal
from infra.local.environment import service_environment
from tests.integration.batches import FAILED, WITH_ERRORS, WORDS, Tenant

pytestmark = pytest.mark.slow

MARK, SECRET = "marked0row", "hidden0value"
RAISES = """            raise ValueError(f"{get_secret('TOKEN')} {texts}")\n"""
DIES = """            print(get_secret("TOKEN"), texts, flush=True)\n            ctypes.string_at(0)\n"""


@pytest.fixture(scope="module")
def written(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A batch service in a process of its own; where its log goes."""
    place = tmp_path_factory.mktemp("logs") / "batch.log"
    with place.open("wb") as out:
        service = subprocess.Popen(
            [sys.executable, "-P", "-m", "batch.service"],
            env=service_environment(module_settings),
            cwd=Path(__file__).parents[2],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield place
    finally:
        service.terminate()
        service.wait(100)


@pytest.fixture
def tenant(module_stores: Stores, tmp_path: Path) -> Tenant:
    """One whose plugin repeats the secret that it was given, and its rows, whenever it ends badly."""
    tenant = Tenant(module_stores)
    folder = shutil.copytree(WORDS, tmp_path / "batch_words")
    core = folder / "processors" / "core.py"
    text = core.read_text().replace('            raise ValueError("asked to raise")\n', RAISES)
    core.write_text(text.replace("            ctypes.string_at(0)\n", DIES))
    tenant.publish(folder)
    create_secret(module_stores, Principal(tenant.scope.org_id, "usr_1", "key_1"), "TOKEN", SECRET)
    return tenant


def lines(written: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.read_text().splitlines()]


def until(written: Path, message: str, **fields: Any) -> dict[str, Any]:
    """The line of this message and these fields, once it is there."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        for line in lines(written):
            if line["message"] == message and fields.items() <= line.items():
                return line
        time.sleep(0.05)
    raise TimeoutError(f"no line {message!r} with {fields} came:\n{written.read_text()}")


def test_lines_tell_of_jobs_and_repeat_neither_rows_nor_secrets_nor_what_plugins_say(
    tenant: Tenant, written: Path
) -> None:
    collection = tenant.collect()
    raising = tenant.submit(tenant.put(f"good {MARK}", f"RAISE {MARK}"))
    ended = tenant.ended(raising)
    (failed,) = failed_documents(tenant.stores, tenant.scope, raising.batch_id)
    dying = tenant.ended(tenant.submit(tenant.put(f"SEGFAULT {MARK}")))
    broken = tenant.ended(tenant.submit(tenant.put(f"text {MARK}"), [tenant.collect(broken=True)]))
    delete_collection(tenant.stores, tenant.scope, collection)

    assert (ended.status, dying.status, broken.status) == (WITH_ERRORS, FAILED, FAILED)
    assert MARK in failed["message"] and SECRET not in failed["message"]  # its owner is told what operators are not
    assert "batch of" in "".join(logs(tenant.stores, tenant.scope, raising.batch_id).values())
    place = {"org_id": tenant.scope.org_id, "namespace_id": tenant.scope.namespace_id}
    done = until(written, "batch ended", **place, batch_id=raising.batch_id, status="COMPLETED_WITH_ERRORS")
    assert done["request_id"] and done["batch_ms"] > 0 and done["batches"] == 1
    died = until(written, "plugin host failed", **place, batch_id=dying.batch_id)
    assert died["reason"] == "host_failed: died: signal 11"
    assert until(written, "job done", **place, job="delete_collection")["job_ms"] >= 0
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines(written)))
    text = written.read_text()
    assert not any(word in text for word in (MARK, SECRET, "X-Amz-Signature", "Authorization", "sk_", "Bearer"))
