"""The request that `build_steps` receives: which extractor runs, with which parameters, over which columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ExtractorConfig:
    """A collection's choice of extractor: plugin name, version, parameters (already validated) and mappings."""

    feature_extractor_name: str
    version: str
    parameters: dict[str, Any] = field(default_factory=dict)
    input_mappings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExtractorRequest:
    """What a pipeline is built for; plain data, so that it crosses to the plugin host as msgpack or JSON."""

    extractor_config: ExtractorConfig

    @property
    def params(self) -> dict[str, Any]:
        """The same dict as `extractor_config.parameters`."""
        return self.extractor_config.parameters

    @classmethod
    def of(
        cls,
        name: str,
        version: str,
        parameters: Mapping[str, Any] | None = None,
        input_mappings: Mapping[str, str] | None = None,
    ) -> "ExtractorRequest":
        """A request from its parts."""
        return cls(ExtractorConfig(name, version, dict(parameters or {}), dict(input_mappings or {})))

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and strings; `from_dict` reads them back."""
        config = self.extractor_config
        return {
            "feature_extractor_name": config.feature_extractor_name,
            "version": config.version,
            "parameters": config.parameters,
            "input_mappings": config.input_mappings,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ExtractorRequest":
        """The request that `to_dict` described."""
        return cls.of(
            values["feature_extractor_name"], values["version"], values.get("parameters"), values.get("input_mappings")
        )
