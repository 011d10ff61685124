"""Hosts: what a plugin's host is forked from, and what its pipeline hears of the content."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from batch.hosts import content_flags, counts_rows, imports_torch


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import torch", True),
        ("    from transformers import AutoModel", True),
        ("from sentence_transformers import SentenceTransformer", True),
        ("import numpy  # not torch", False),
        ("text = 'import torch'", False),
    ],
)
def test_plugins_that_import_torch_are_known_by_their_sources(tmp_path: Path, line: str, expected: bool) -> None:
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    (tmp_path / "processors").mkdir()
    (tmp_path / "processors" / "core.py").write_text(f"import json\n\n{line}\n")

    assert imports_torch(tmp_path) is expected


@pytest.mark.parametrize("argument", ["dataset_size=None", "**kwargs"])
def test_a_pipeline_that_asks_for_the_number_of_rows_is_known(tmp_path: Path, argument: str) -> None:
    (tmp_path / "pipeline.py").write_text(f"def build_steps(extractor_request, {argument}):\n    return []\n")

    assert counts_rows(tmp_path) is argument.startswith("dataset_size")


def test_content_flags_say_what_the_manifest_supports() -> None:
    flags = content_flags(["text", "pdf"])

    assert {name for name, given in flags.items() if given} == {"has_text", "has_pdf"}
    assert all(content_flags([]).values())
