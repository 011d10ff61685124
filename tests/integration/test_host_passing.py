"""How tables go over to a host and back: small ones through files that are used again, large ones in their own."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from plugin_sdk.host import HostFailed, HostSettings, PluginHost, Zygote
from plugin_sdk.host.passing import INPUT_BYTES
from plugin_sdk.manifest import Manifest
from tests.integration.test_host import MANIFEST, PIPELINE, opened, table
from tests.unit.plugin_sdk.folders import write_files

KEEPER = """
    class Processor:
        kept = []

        def __call__(self, batch):
            self.kept.append(batch)
            batch["label"] = batch["data"]
            batch["words"] = [text.split() for text in batch["data"]]
            batch["sample_embedding"] = [[float(len(text))] * 4 for text in batch["data"]]
            batch["first"] = ",".join(self.kept[0]["data"])[:200]
            return batch
"""
"""A processor that keeps what it was given: a later batch must not change it."""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(HostSettings(call_timeout_s=100)) as running:
        yield running


@pytest.fixture
def host(zygote: Zygote, tmp_path: Path) -> Iterator[PluginHost]:
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": KEEPER})
    with zygote.start(folder, name="sample@1.0.0") as running:
        yield opened(running, batch_size=100_000)


def test_what_a_plugin_keeps_of_a_batch_stays_as_it_was(host: PluginHost) -> None:
    host.run(table(["first batch"]))

    for text in ("second one", "third", "x" * (2 * INPUT_BYTES), "fifth"):
        assert host.run(table([text])).table["first"].to_pylist() == ["first batch"]


def test_a_plugin_that_changes_what_it_was_given_changes_that_column_alone(zygote: Zygote, tmp_path: Path) -> None:
    changed = """
        class Processor:
            def __call__(self, batch):
                batch.loc[0, "copy"] = "changed in place"
                batch["label"] = batch["data"]
                batch["mime_type"] = ["text/html", *batch["mime_type"][1:]]
                batch["pages"] = batch["pages"] + 1
                batch["sample_embedding"] = [[1.0] * 4] * len(batch)
                return batch.iloc[::-1]
    """
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": changed})
    texts = [f"text {i}" for i in range(500)]
    given = table(texts).append_column("pages", pa.repeat(5, 500))
    given = given.append_column("copy", given["data"]).append_column("other copy", given["data"])

    with zygote.start(folder, name="sample@1.0.0") as running:
        result = opened(running, batch_size=100_000).run(given).table

    assert result["data"].to_pylist() == result["other copy"].to_pylist() == result["label"].to_pylist() == texts
    assert result["copy"].to_pylist() == ["changed in place", *texts[1:]]
    assert result["mime_type"].to_pylist() == ["text/html"] + ["text/plain"] * 499
    assert result["pages"].unique().to_pylist() == [6]
    assert result["document_id"].equals(given["document_id"])


@pytest.mark.parametrize("letters", [0, INPUT_BYTES // 2, INPUT_BYTES - 700, INPUT_BYTES, 2 * INPUT_BYTES])
def test_tables_of_every_size_come_back_whole_one_after_the_other(host: PluginHost, letters: int) -> None:
    sent = [table(["a", "b" * letters]), table(["c"]), table(["d" * letters]), table([])]

    for one in sent:
        result = host.run(one)
        assert result.table.num_rows == one.num_rows
        assert result.failures == []
        if one.num_rows:
            assert result.table["label"].to_pylist() == one["data"].to_pylist()


def test_a_slice_of_a_large_table_is_sent_by_itself(host: PluginHost) -> None:
    large = table([f"{i} " + "z" * 1000 for i in range(5000)])

    result = host.run(large.slice(4990, 3))

    assert [text.split()[0] for text in result.table["label"].to_pylist()] == ["4990", "4991", "4992"]


def test_tables_in_pieces_and_of_other_columns_are_told_apart(host: PluginHost) -> None:
    pieces = pa.concat_tables([table(["a b"]), table(["c"])])
    coded = table(["d", "e"]).append_column("kind", pa.array(["k", None]).dictionary_encode())

    for sent in (pieces, coded, pieces, table(["f"]).append_column("more", pa.array([[1.5, 2.5]]))):
        result = host.run(sent)
        assert result.table["label"].to_pylist() == sent["data"].to_pylist()
        assert result.table.column_names[: sent.num_columns] == sent.column_names


def test_a_manifest_that_is_inspected_anew_is_what_replies_are_held_against(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run(table(["a"]))
    honest = host.inspect().model_dump()
    honest["features"][0]["embedding_dim"] = 5
    monkeypatch.setattr(Manifest, "model_validate_json", lambda _: Manifest.model_validate(honest))
    host.inspect()

    with pytest.raises(HostFailed, match="broke the protocol"):
        host.run(table(["a"]))
