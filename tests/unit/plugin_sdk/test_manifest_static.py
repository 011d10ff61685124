"""Reading manifests that do not run: literals and simple constants are known, anything else is left open."""

import pytest

from plugin_sdk.manifest import read_static
from tests.unit.plugin_sdk import quickstart


def test_quick_start_is_known_without_running_it():
    found = read_static(quickstart.MANIFEST.encode())

    assert (found.name, found.version, found.category) == ("my_extractor", "1.0.0", "text")
    assert found.features[0].feature_name == "my_extractor_embedding"
    assert found.supported_input_types == ["text"]
    assert {"input_schema", "output_schema", "parameter_schema"} <= found.assigned
    assert found.issues == []


def test_names_assigned_through_constants_are_followed():
    source = b"""
NAME = "my_extractor"
MAJOR = 2
DIM: int = 128
BASE = {"version": f"v{MAJOR}.1"}
metadata = dict(feature_extractor_name=NAME, version=BASE["version"])
output_schema = None
features = [{"feature_name": NAME + "_embedding", "embedding_dim": DIM}]
"""
    found = read_static(source)

    assert (found.name, found.version) == ("my_extractor", "2.1.0")
    assert found.features[0].feature_name == "my_extractor_embedding"
    assert found.features[0].embedding_dim == 128


def test_computed_values_are_left_open_and_are_no_error():
    source = b"""
import os
metadata = {"feature_extractor_name": os.name, "version": compute()}
output_schema = object
features = [make() for _ in range(3)]
"""
    found = read_static(source)

    assert found.name is None
    assert found.version is None
    assert found.features == []
    assert found.errors == []


@pytest.mark.parametrize(
    "change", ["version += '.1'", "if True:\n    version = '2.0.0'", "del version", "for version in []: pass"]
)
def test_name_that_may_change_later_is_left_open(change):
    source = f"name = 'my_extractor'\nversion = '1.0.0'\noutput_schema = 1\n{change}\n"

    assert read_static(source.encode()).version is None


def test_list_changed_by_a_method_is_left_open():
    source = (
        b"name = 'my_extractor'\nversion = '1.0.0'\noutput_schema = 1\nfeatures = []\nfeatures.append({'dim': 3})\n"
    )

    found = read_static(source)

    assert found.features == []
    assert found.errors == []


def test_wrong_feature_key_is_found_without_running():
    source = (
        b"name = 'my_extractor'\nversion = '1'\noutput_schema = 1\nfeatures = [{'feature_name': 'e', 'dimensions': 3}]"
    )

    assert [e.field for e in read_static(source).errors] == ["features[0].dimensions"]


def test_broken_source_names_its_line():
    found = read_static(b"metadata = {}\nversion = = '1.0.0'\n")

    assert found.errors[0].field == "manifest.py"
    assert "line 2" in found.errors[0].message


@pytest.mark.parametrize("source", [b"\x00", b"\xff\xfe", b"(" * 500, b"x = " + b"-" * 5000 + b"1"])
def test_hostile_source_is_an_issue_or_nothing(source):
    assert read_static(source).name is None


def test_constants_that_double_without_end_stop():
    lines = ["a0 = ['x', 'y']"] + [f"a{i + 1} = [a{i}, a{i}]" for i in range(60)] + ["features = a60"]

    found = read_static("\n".join(lines).encode())

    assert found.features == []


def test_text_that_doubles_without_end_stops():
    lines = ["a0 = 'xxxxxxxx'"] + [f"a{i + 1} = a{i} + a{i}" for i in range(60)] + ["name = a60"]

    assert read_static("\n".join(lines).encode()).name is None
