"""Reading manifests that ran: the quick start passes, and each wrong one is told with its key and the right one."""

import json
import pickle
import types
from typing import Any

import pytest
from pydantic import BaseModel, Field

from plugin_sdk.manifest import (
    Manifest,
    ManifestIssues,
    identity_issues,
    manifest_from_module,
    manifest_from_names,
    normalise_version,
    recheck,
)
from plugin_sdk.manifest.names import normalise_name
from tests.unit.plugin_sdk import quickstart


class Output(BaseModel):
    embedding: list[float]
    label: str = ""


def names(**changes: Any) -> dict[str, Any]:
    """A good manifest's names with some of them changed; None takes one away."""
    base = {
        "metadata": {"feature_extractor_name": "my_extractor", "version": "1.0.0"},
        "output_schema": Output,
        "features": [{"feature_name": "my_extractor_embedding", "feature_type": "embedding", "embedding_dim": 4}],
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


def errors(**changes: Any) -> dict[str, str]:
    """Field -> message and hint of every error."""
    with pytest.raises(ManifestIssues) as raised:
        manifest_from_names(names(**changes), has_realtime=True)
    return {e.field: f"{e.message} {e.hint}" for e in raised.value.errors}


def feature(**changes: Any) -> dict[str, Any]:
    """The good feature with some keys changed."""
    return {"feature_name": "my_extractor_embedding", "feature_type": "embedding", "embedding_dim": 4, **changes}


def warnings(**changes: Any) -> dict[str, str]:
    manifest = manifest_from_names(names(**changes), has_realtime=changes.pop("has_realtime", False))
    return {w.field: f"{w.message} {w.hint}" for w in manifest.warnings}


def test_quick_start_manifest_passes_unmodified():
    module = types.ModuleType("manifest")
    exec(quickstart.MANIFEST, module.__dict__)

    manifest = manifest_from_module(module, has_realtime=True)

    assert manifest.plugin_id == "my_extractor_1_0_0"
    assert manifest.uri == "mixpeek://my_extractor@1.0.0"
    assert manifest.category == "text"
    assert manifest.features[0].embedding_dim == 384
    assert manifest.output_field("my_extractor_embedding") == "embedding"
    assert manifest.parameter_schema["properties"]["threshold"]["maximum"] == 1
    assert manifest.has_realtime
    assert manifest.warnings == []


def test_manifest_survives_json_unchanged():
    manifest = manifest_from_names(names(category="text", unknown=1), has_realtime=False)

    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_module_level_names_are_read_like_metadata():
    manifest = manifest_from_names(
        names(metadata=None, feature_extractor_name="my_extractor", version="v2.1", description="Reads."), False
    )

    assert (manifest.name, manifest.version, manifest.description) == ("my_extractor", "2.1.0", "Reads.")


def test_name_is_an_alias_of_feature_extractor_name():
    assert manifest_from_names(names(metadata={"name": "my_extractor", "version": "v1"}), False).version == "1.0.0"


def test_schemas_may_be_json_schemas():
    output = {"type": "object", "properties": {"embedding": {"type": "array", "items": {"type": "number"}}}}

    assert manifest_from_names(names(output_schema=output), False).output_schema == output


@pytest.mark.parametrize(
    ("given", "normal"),
    [("v1", "1.0.0"), ("1.0", "1.0.0"), ("v2.1", "2.1.0"), ("1.2.3", "1.2.3"), ("10", "10.0.0"), ("01.02.0", "1.2.0")],
)
def test_versions_are_normalised(given, normal):
    assert normalise_version(given) == normal


@pytest.mark.parametrize("bad", ["", "1.0.0-beta", "1.0.0.0", "1" * 10, "one", "1..0", "١.0.0"])
def test_other_versions_are_refused(bad):
    assert "X.Y.Z" in errors(metadata={"name": "my_extractor", "version": bad})["version"]


def test_dash_in_a_name_becomes_underscore():
    assert normalise_name("my-extractor") == "my_extractor"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("type", "feature_type"),
        ("name", "feature_name"),
        ("dimensions", "embedding_dim"),
        ("dim", "embedding_dim"),
        ("distance", "distance_metric"),
        ("metric", "distance_metric"),
        ("embeding_dim", "embedding_dim"),
    ],
)
def test_wrong_feature_key_names_the_right_one_and_nothing_else(wrong, right):
    entry = feature()
    entry[wrong] = entry.pop(right, "cosine")

    found = errors(features=[entry])

    assert list(found) == [f"features[0].{wrong}"]
    assert f"Write '{right}' instead" in found[f"features[0].{wrong}"]


def test_all_errors_come_at_once():
    found = errors(
        metadata={"feature_extractor_name": "1x", "version": "beta", "category": "txt"},
        features=[{"feature_name": "a b", "embedding_dim": 0, "distance_metric": "manhattan"}],
        supported_input_types=["text", "pictures"],
    )

    assert set(found) == {
        "feature_extractor_name",
        "version",
        "category",
        "features[0].feature_name",
        "features[0].embedding_dim",
        "features[0].distance_metric",
        "supported_input_types[1]",
    }


def test_error_answers_with_field_message_and_hint():
    with pytest.raises(ManifestIssues) as raised:
        manifest_from_names(names(features=[feature(dimensions=3)]), False)

    body = raised.value.as_dict()
    assert body["detail"] == "Manifest validation failed"
    assert body["errors"][0]["field"] == "features[0].dimensions"
    assert set(body["errors"][0]) == {"field", "message", "hint"}
    assert pickle.loads(pickle.dumps(raised.value)).issues == raised.value.issues


@pytest.mark.parametrize("missing", ["feature_extractor_name", "version"])
def test_missing_identity_is_named(missing):
    metadata = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}
    del metadata[missing]

    assert "is missing" in errors(metadata=metadata)[missing]


def test_missing_output_schema_is_named():
    assert "is missing" in errors(output_schema=None)["output_schema"]


def test_feature_outside_the_output_schema_is_refused_with_a_hint():
    found = errors(features=[feature(feature_name="my_extractor_embeding")])

    assert "not in output_schema" in found["features[0].feature_name"]
    assert "'my_extractor_embedding' or 'embedding'" in found["features[0].feature_name"]


def test_feature_whose_output_field_is_text_is_refused():
    assert "of type string" in errors(features=[feature(feature_name="label")])["features[0].feature_name"]


def test_feature_longer_than_the_schema_allows_is_refused():
    class Short(BaseModel):
        embedding: list[float] = Field(min_length=3, max_length=3)

    assert "allows 'embedding' 3 to 3" in errors(output_schema=Short)["features[0].embedding_dim"]


def test_feature_given_twice_is_refused():
    assert "2 times" in errors(features=[feature(), feature()])["features"]


def test_feature_may_not_take_a_column_of_the_platform():
    assert (
        "column of the platform" in errors(features=[feature(feature_name="document_id")])["features[0].feature_name"]
    )


@pytest.mark.parametrize("alias", ["l2", "euclidean"])
def test_metric_aliases_are_euclid(alias):
    manifest = manifest_from_names(names(features=[feature(distance_metric=alias)]), False)

    assert manifest.features[0].distance_metric == "euclid"


def test_input_type_aliases_are_replaced():
    manifest = manifest_from_names(names(supported_input_types=["string", "document", "text"]), False)

    assert manifest.supported_input_types == ["text", "pdf"]


@pytest.mark.parametrize("dim", [0, 16385, True, 3.0, "384"])
def test_wrong_embedding_dim_is_refused(dim):
    assert "features[0].embedding_dim" in errors(features=[feature(embedding_dim=dim)])


def test_key_given_twice_with_two_values_is_refused():
    assert "given twice" in errors(version="2.0.0")["version"]


def test_default_that_violates_its_own_model_is_refused():
    class Params(BaseModel):
        threshold: float = Field(default=2, ge=0, le=1)
        required: str

    found = errors(parameter_schema=Params)

    assert list(found) == ["parameter_schema.threshold"]
    assert "default 2" in found["parameter_schema.threshold"]


def test_default_that_violates_its_own_json_schema_is_refused():
    schema = {"type": "object", "properties": {"mode": {"type": "string", "enum": ["a", "b"], "default": "c"}}}

    assert "Use one of 'a', 'b'" in errors(parameter_schema=schema)["parameter_schema.mode"]


@pytest.mark.parametrize(
    "uri",
    ["mixpeek://other@1.0.0", "mixpeek://my_extractor@2.0.0", "my_extractor", "mixpeek://my_extractor@1.0.0/nope", 3],
)
def test_feature_uri_of_another_plugin_is_refused(uri):
    assert "mixpeek://my_extractor@1.0.0" in errors(feature_uri=uri)["feature_uri"]


def test_feature_uri_of_this_plugin_is_normalised():
    uri = "mixpeek://my_extractor@v1/my_extractor_embedding"

    manifest = manifest_from_names(names(feature_uri=uri), has_realtime=True)

    assert manifest.feature_uri == "mixpeek://my_extractor@1.0.0/my_extractor_embedding"
    assert manifest.warnings == []


def test_feature_uri_without_realtime_warns():
    assert "no realtime.py" in warnings(feature_uri="mixpeek://my_extractor@1.0.0")["feature_uri"]


def test_unknown_metadata_key_warns():
    found = warnings(metadata={"name": "my_extractor", "version": "1.0.0", "descripton": "x"})

    assert "Did you mean 'description'?" in found["metadata.descripton"]


def test_misspelt_module_name_warns_and_ordinary_names_do_not():
    assert list(warnings(suported_input_types=["text"], DIM=4, helper=len)) == ["suported_input_types"]


def test_schema_that_is_neither_model_nor_dict_is_refused():
    assert "pydantic model" in errors(input_schema=str)["input_schema"]
    assert "Write output_schema = Output" in errors(output_schema=Output(embedding=[]))["output_schema"]
    assert "JSON Schema" in errors(output_schema={"embedding": "list"})["output_schema"]


def test_model_without_json_schema_is_refused_by_name():
    class Odd(BaseModel, arbitrary_types_allowed=True):
        embedding: types.SimpleNamespace

    assert "Odd has no JSON Schema" in errors(output_schema=Odd)["output_schema"]


def test_missing_dependency_is_named_and_versions_are_refused():
    found = errors(dependencies=["numpy", "no_such_package_here", "pandas>=2"])

    assert "'no_such_package_here' is not installed" in found["dependencies[1]"]
    assert "'pandas'" in found["dependencies[2]"]
    assert "dependencies[0]" not in found


def test_compute_profile_names_wrong_keys_and_numbers():
    found = errors(compute_profile={"batchsize": 3, "max_concurrency": 0, "resource_type": "TPU"})

    assert "'batch_size'" in found["compute_profile.batchsize"]
    assert "whole number" in found["compute_profile.max_concurrency"]
    assert "CPU, GPU, API" in found["compute_profile.resource_type"]


def test_compute_profile_is_kept():
    manifest = manifest_from_names(names(compute_profile={"batch_size": 16, "resource_type": "gpu"}), False)

    assert manifest.compute_profile.batch_size == 16
    assert manifest.compute_profile.resource_type == "GPU"


def test_input_mappings_take_dotted_paths_and_warn_of_unknown_columns():
    class Input(BaseModel):
        text: str

    assert warnings(input_schema=Input, input_mappings={"text": "body.en"}) == {}
    assert "'text'" in warnings(input_schema=Input, input_mappings={"txt": "body"})["input_mappings.txt"]
    assert "input_mappings.text" in errors(input_mappings={"text": "a..b"})


def test_identity_other_than_the_upload_is_told():
    manifest = manifest_from_names(names(), False)

    assert identity_issues(manifest, "my-extractor", "v1") == []
    assert [i.field for i in identity_issues(manifest, "other", "1.0.1")] == ["feature_extractor_name", "version"]


def test_schemas_are_plain_json():
    manifest = manifest_from_names(names(), False)

    assert json.loads(json.dumps(manifest.output_schema)) == manifest.output_schema


def test_variable_called_name_beside_metadata_is_no_second_name():
    assert manifest_from_names(names(name="loop variable"), False).name == "my_extractor"


def test_recursive_model_as_output_schema_has_its_properties():
    class Tree(BaseModel):
        embedding: list[float]
        children: list["Tree"] = []

    manifest = manifest_from_names(names(output_schema=Tree), False)

    assert set(manifest.output_schema["properties"]) == {"embedding", "children"}


def test_honest_manifest_passes_the_second_check_unchanged():
    manifest = manifest_from_names(
        names(
            category="text",
            unknown_key=1,
            dependencies=["numpy"],
            compute_profile={"batch_size": 3},
            feature_uri="mixpeek://my_extractor@1.0.0",
        ),
        False,
    )

    assert recheck(Manifest.model_validate_json(manifest.model_dump_json())) == manifest


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../other"},
        {"version": "latest"},
        {"category": "anything"},
        {"output_schema": {"type": "object", "properties": {}}},
        {"feature_uri": "mixpeek://other@1.0.0"},
        {"input_mappings": {"a": "b c"}},
    ],
)
def test_manifest_forged_by_a_plugins_process_is_refused(change):
    manifest = manifest_from_names(names(), False).model_copy(update=change)

    with pytest.raises(ManifestIssues):
        recheck(manifest)
