"""The model cache: what packages carry, laid out as the Hugging Face hub expects it."""

import pytest
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from infra.local.models import build_cache

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def test_packaged_model_is_found_offline_as_if_downloaded(tmp_path):
    assert build_cache(tmp_path) == [MINILM]

    found = snapshot_download(MINILM, cache_dir=tmp_path / "hub", local_files_only=True)

    assert found.startswith(str(tmp_path))
    assert (tmp_path / "hub").joinpath(found, "1_Pooling", "config.json").read_text().startswith("{")


def test_second_build_changes_nothing(tmp_path):
    build_cache(tmp_path)
    before = {p: p.lstat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_symlink()}

    build_cache(tmp_path)

    assert before
    assert {p: p.lstat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_symlink()} == before


def test_link_to_a_package_that_moved_is_made_anew(tmp_path):
    build_cache(tmp_path)
    link = next(p for p in tmp_path.rglob("config.json") if p.is_symlink())
    link.unlink()
    link.symlink_to(tmp_path / "gone")

    build_cache(tmp_path)

    assert link.exists()


def test_model_that_no_package_carries_is_not_in_the_cache(tmp_path):
    build_cache(tmp_path)

    with pytest.raises(LocalEntryNotFoundError):
        snapshot_download("someone/something-else", cache_dir=tmp_path / "hub", local_files_only=True)
