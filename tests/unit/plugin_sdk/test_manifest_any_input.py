"""Whatever a manifest or a parameter holds, it is read or refused by issues: never another error."""

from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_sdk.errors import InvalidParameters
from plugin_sdk.manifest import Manifest, ManifestIssues, manifest_from_names, read_static
from plugin_sdk.manifest.vocabulary import ALIASES, FEATURE_KEYS, KEYS

WORDS = ("type", "properties", "$ref", "$defs", "items", "enum", "anyOf", "default", "required", "pattern", "minimum")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
SCALARS |= st.sampled_from(("object", "array", "#/$defs/a", "my_extractor", "v1"))
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from((*WORDS, *FEATURE_KEYS, "a")) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
NAMES = st.dictionaries(st.sampled_from((*KEYS, *ALIASES, "metadata")), VALUES)


@settings(max_examples=400, deadline=None)
@given(NAMES)
def test_any_manifest_is_read_or_refused(names):
    try:
        found = [manifest_from_names(names, has_realtime=False)]
    except ManifestIssues as error:
        found = error.errors

    assert found


@settings(max_examples=300, deadline=None)
@given(NAMES)
def test_any_source_is_read_without_running(names):
    source = "\n".join(f"{name} = {value!r}" for name, value in names.items())

    found = read_static(source.encode("utf-8", "replace"))

    assert found.issues or found.name


@settings(max_examples=300, deadline=None)
@given(schema=st.dictionaries(st.sampled_from(WORDS), VALUES), params=st.dictionaries(st.text(max_size=3), VALUES))
def test_any_parameters_are_filled_or_refused(schema, params):
    manifest = Manifest(name="my_extractor", version="1.0.0", output_schema={}, parameter_schema=schema)

    try:
        filled = manifest.validate_params(params)
    except InvalidParameters as error:
        assert error.problem
    else:
        assert set(params) <= set(filled)
