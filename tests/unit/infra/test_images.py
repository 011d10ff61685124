"""The image, as far as it can be judged without building it: what is copied is there, and what it starts is what exists."""

import ast
import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from batch.cluster import CONFIG, LANES, THREADS_PER_WORKER
from core.settings import PREFIX, Settings
from infra.lambdas import ROOT

IMAGES = ROOT / "infra" / "images"
DOCKERFILE = (IMAGES / "Dockerfile").read_text()
ROLES = ("scheduler", "worker", "gpu-worker", "batch", "serving")
ADDRESS = "tls://dask:8786"


def copied() -> list[str]:
    """What COPY takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M)
    return [source for line in lines for source in line.split()[:-1]]


@pytest.fixture
def started(tmp_path: Path):
    """Runs `start` with programs that only say how they were called."""
    for name in ("dask", "python", "echoed"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)

    def run(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **variables}
        return subprocess.run([IMAGES / "start", *words], env=environment, capture_output=True, text=True)

    return run


def test_everything_that_is_copied_exists_and_passes_the_ignore_file():
    rules = (IMAGES / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]

    assert rules[1] == "*"  # nothing but what is named
    assert all((ROOT / source).exists() for source in copied()), copied()
    assert all(any(source == a or source.startswith(f"{a}/") for a in allowed) for source in copied())


def test_what_is_in_the_image_imports_nothing_that_is_not():
    folders = {source for source in copied() if (ROOT / source).is_dir()}
    missing = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} - folders

    modules = [p for folder in folders for p in (ROOT / folder).rglob("*.py") if "templates" not in p.parts]
    imported = {name for path in modules for name in imports(path)}

    assert folders == {"plugin_sdk", "core", "batch"}
    assert not imported & missing


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def test_packages_are_pinned_and_of_extras_that_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = re.findall(r"EXTRAS=(\S+)", DOCKERFILE)

    assert "-c constraints.txt" in DOCKERFILE
    assert len(wanted) == 2
    assert {extra for line in wanted for extra in line.rstrip('"').split(",")} <= set(extras)


def test_the_image_runs_as_a_user_without_rights_and_with_what_plugin_hosts_need():
    assert re.search(r"^USER openpeek$", DOCKERFILE, re.M)
    assert "libseccomp2" in DOCKERFILE
    assert 'VOLUME ["/models", "/scratch"]' in DOCKERFILE


def test_variables_of_the_image_are_settings():
    names = set(re.findall(rf"{PREFIX}(\w+)", DOCKERFILE + (IMAGES / "start").read_text()))

    assert names <= {field.upper() for field in Settings.model_fields}


def test_dask_has_the_settings_of_the_batch_service():
    def flat(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in tree.items():
            found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
        return found

    assert flat(yaml.safe_load((IMAGES / "dask.yaml").read_text())) == CONFIG


def test_worker_offers_what_partitions_ask_for(started):
    said = started("worker", "--host", "10.0.0.7", OPENPEEK_DASK_ADDRESS=ADDRESS).stdout.strip()
    lanes = " ".join(f"{name}={count:g}" for name, count in LANES.items())

    assert said.startswith(f"dask worker {ADDRESS} --no-nanny --nworkers 1 --nthreads {THREADS_PER_WORKER} ")
    assert f"--resources {lanes} " in said
    assert said.endswith("--host 10.0.0.7")


def test_scheduler_tells_how_many_workers_it_wants(started):
    said = started("scheduler", "--no-dashboard").stdout

    assert said == "dask scheduler --port 8786 --preload batch.scaling --no-dashboard\n"
    assert importlib.util.find_spec("batch.scaling")


def test_worker_of_more_slots_has_a_thread_for_each(started):
    said = started("worker", OPENPEEK_DASK_ADDRESS=ADDRESS, SLOTS="6", DASK_WORKER_NAME="w-1").stdout

    assert "--nthreads 9 --resources SLOT=6 EXPRESS=2" in said
    assert "--name w-1" in said


def test_gpu_worker_offers_one_gpu_slot_a_process(started):
    said = started("gpu-worker", DASK_SCHEDULER_ADDRESS="tcp://operator:8786").stdout

    assert said.startswith("dask cuda worker tcp://operator:8786 ")
    assert "--resources SLOT=1 EXPRESS=2 GPU=1" in said


def test_services_are_modules_that_exist(started):
    modules = [started(role, OPENPEEK_DASK_ADDRESS=ADDRESS).stdout.split()[2] for role in ("batch", "serving")]

    assert modules == ["batch.service", "batch.serving"]
    assert importlib.util.find_spec("batch.service")
    assert importlib.util.find_spec("batch.serving.__main__")


def test_serving_listens_for_others_on_the_port_that_is_set(started):
    assert "--host 0.0.0.0 --port 8000" in started("serving").stdout
    assert "--port 9000" in started("serving", PORT="9000").stdout


@pytest.mark.parametrize("role", ["worker", "gpu-worker", "batch"])
def test_role_without_a_scheduler_says_what_to_set(role, started):
    done = started(role)

    assert done.returncode == os.EX_USAGE
    assert "set OPENPEEK_DASK_ADDRESS=tls://" in done.stderr


def test_no_role_is_an_error_and_another_word_is_a_command(started):
    assert "name a role: " + ", ".join(ROLES[:-1]) in started().stderr
    assert started("echoed", "a", "b").stdout == "echoed a b\n"
