"""Document schema: which columns a collection's documents have, and what is kept as JSON."""

import pyarrow as pa

from core.document_schema import EXTRA, SYSTEM, document_schema, is_json
from plugin_sdk.manifest import Feature, Manifest


def manifest(properties: dict[str, object], **more: object) -> Manifest:
    schema = {"properties": properties, **more}
    features = [Feature(feature_name="cars_embedding", embedding_dim=4, distance_metric="dot")]
    return Manifest(name="cars", version="1.0.0", output_schema=schema, features=features)


def test_feature_is_a_fixed_size_list_and_its_output_field_is_no_second_column() -> None:
    schema = document_schema(manifest({"embedding": {"type": "array", "items": {"type": "number"}}}))

    assert schema.field("cars_embedding").type == pa.list_(pa.float32(), 4)
    assert schema.field("cars_embedding").metadata[b"metric"] == b"dot"
    assert "embedding" not in schema.names


def test_output_fields_are_native_where_they_can_be() -> None:
    schema = document_schema(
        manifest(
            {
                "a": {"type": "string"},
                "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "c": {"type": "array", "items": {"type": "number"}},
                "d": {"$ref": "#/$defs/Kind"},
                "e": {"type": ["boolean", "null"]},
                "f": {"type": "object"},
                "g": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                "h": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            },
            **{"$defs": {"Kind": {"type": "string", "enum": ["x"]}}},
        )
    )

    native = {n: schema.field(n).type for n in "abcde"}
    assert native == {"a": pa.string(), "b": pa.int64(), "c": pa.list_(pa.float64()), "d": pa.string(), "e": pa.bool_()}
    assert all(is_json(schema.field(n)) for n in "fgh")


def test_source_fields_follow_and_give_way_to_the_extractors() -> None:
    bucket = {
        "properties": {
            "text": {"type": "text"},
            "price": {"type": "float"},
            "label": {"type": "number"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "spec": {"type": "object"},
        }
    }
    schema = document_schema(manifest({"label": {"type": "string"}}), bucket)

    assert schema.field("label").type == pa.string()
    assert schema.field("text").type == pa.string()
    assert schema.field("price").type == pa.float64()
    assert schema.field("tags").type == pa.list_(pa.string())
    assert is_json(schema.field("spec"))


def test_names_of_the_system_and_unusable_names_get_no_column() -> None:
    schema = document_schema(manifest({"object_id": {"type": "number"}, "a.b": {"type": "string"}, "_x": {}}))

    assert schema.field("object_id").type == pa.string()
    assert "a.b" not in schema.names and "_x" not in schema.names


def test_without_a_manifest_the_source_is_kept() -> None:
    schema = document_schema(None, {"properties": {"text": {"type": "string"}}})

    assert schema.names == [*SYSTEM.names, "text", EXTRA]
    assert is_json(schema.field(EXTRA))
