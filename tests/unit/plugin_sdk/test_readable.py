"""What hosts see of the machine: real places, the links on the way to them, and the model cache without its tokens."""

from pathlib import Path

from plugin_sdk.host.landlock import FILE_RIGHTS, known
from plugin_sdk.host.readable import Tree, readable, tokens


def test_a_place_within_another_is_shown_once(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)

    tree = Tree.of([tmp_path / "a/b", tmp_path / "a", tmp_path / "none"])

    assert tree.places == [tmp_path / "a"]
    assert tree.covers(tmp_path / "a/b")
    assert not tree.covers(tmp_path)


def test_links_on_the_way_are_kept_and_lead_to_the_same_place(tmp_path):
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(tmp_path / "real")
    (tmp_path / "relative").symlink_to("absolute/inner")
    (tmp_path / "loop").symlink_to("loop")

    tree = Tree.of([tmp_path / "relative", tmp_path / "loop"])

    assert tree.places == [tmp_path / "real/inner"]
    assert tree.links[tmp_path / "relative"] == "absolute/inner"
    assert tree.links[tmp_path / "absolute"] == str(tmp_path / "real")


def test_python_is_readable_and_the_rest_of_the_platform_is_not():
    import numpy

    import core
    import plugin_sdk

    tree = readable(None)

    assert tree.covers(Path(numpy.__file__).resolve())
    assert tree.covers(Path(plugin_sdk.__file__).resolve())
    assert not tree.covers(Path(core.__file__).resolve())
    assert not tree.covers(Path("/etc/shadow"))
    assert not tree.covers(Path("/proc/self"))


def test_targets_of_links_that_leave_the_model_cache_are_readable(tmp_path):
    weights = tmp_path / "elsewhere/weights"
    weights.parent.mkdir()
    weights.touch()
    (tmp_path / "elsewhere/other").touch()
    cache = tmp_path / "cache"
    (cache / "hub").mkdir(parents=True)
    (cache / "hub/weights").symlink_to(weights)

    tree = readable(cache)

    assert {cache, weights} <= set(tree.places)
    assert not tree.covers(tmp_path / "elsewhere/other")


def test_tokens_of_the_model_cache_are_known(tmp_path):
    (tmp_path / "token").write_text("hf_x")

    assert tokens(tmp_path) == [tmp_path / "token"]
    assert tokens(None) == []


def test_landlock_rights_grow_with_the_kernel_s_version():
    counts = [known(FILE_RIGHTS, abi).bit_count() for abi in range(1, 9)]

    assert counts == [13, 14, 15, 15, 16, 16, 16, 16]
