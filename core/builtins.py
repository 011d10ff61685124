"""The extractors that every namespace has: their names are known from the start, and no plugin may take one."""

from dataclasses import dataclass

from plugin_sdk.manifest import Feature, Manifest

VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Builtin:
    """A built-in extractor; `runs` says whether this installation can process a collection with it."""

    manifest: Manifest
    icon: str
    runs: bool = False

    @property
    def extractor_id(self) -> str:
        """`text_extractor_v1`."""
        return f"{self.manifest.name}_{self.manifest.version}"


def _embedder(name: str, description: str, category: str, inputs: list[str], feature: str, dim: int) -> Manifest:
    vector = {"type": "array", "items": {"type": "number"}, "description": f"{dim}-dim embedding"}
    return Manifest(
        name=name,
        version=VERSION,
        description=description,
        category=category,
        input_schema={"type": "object", "properties": {i: {"type": "string"} for i in inputs}},
        output_schema={"type": "object", "properties": {feature: vector}},
        supported_input_types=inputs,
        features=[Feature(feature_name=feature, embedding_dim=dim)],
    )


PASSTHROUGH = "passthrough_extractor"

BUILTINS = {
    b.manifest.name: b
    for b in (
        Builtin(
            Manifest(
                name=PASSTHROUGH,
                version=VERSION,
                description="Keeps an object's fields as they are: one document a blob, no vector.",
                output_schema={"type": "object", "properties": {}},
                supported_input_types=["text", "image", "video", "audio", "pdf"],
            ),
            icon="arrow-right",
            runs=True,
        ),
        Builtin(
            _embedder(
                "text_extractor",
                "Embeds text with multilingual-e5-large-instruct.",
                "text",
                ["text"],
                "multilingual_e5_large_instruct_v1",
                1024,
            ),
            icon="file-text",
        ),
        Builtin(
            _embedder(
                "image_extractor",
                "Embeds images with SigLIP.",
                "image",
                ["image"],
                "google_siglip_base_v1",
                768,
            ),
            icon="image",
        ),
        Builtin(
            _embedder(
                "multimodal_extractor",
                "Embeds text, images and video into one space.",
                "multimodal",
                ["text", "image", "video"],
                "vertex_multimodal_embedding",
                1408,
            ),
            icon="layers",
        ),
    )
}
