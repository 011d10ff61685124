"""Routes of feature extractors: built-ins, and the plugins of a namespace."""

from typing import Annotated, Any, Literal

from fastapi import Query

from core.builtins import BUILTINS
from core.deployments import Deployment, get_deployment, list_deployments
from core.errors import NotFound
from core.extractors import Extractor, disabled_extractors, get_extractor, list_extractors, vector_indexes
from core.status import DeploymentStatus
from core.stores import Stores
from core.tenancy import Scope
from core.web.callers import Caller, ReadScope
from functions.api.deps import Answer, NamedScope, Router, StoresOf

router = Router(tags=["extractors"])


@router.get("/namespaces/{namespace_id}/extractors")
def list_all(
    stores: StoresOf,
    scope: ReadScope,
    caller: Caller,
    source: Annotated[Literal["builtin", "custom", "community", "all"] | None, Query()] = None,
    include_disabled: bool = False,
) -> Answer:
    """With `include_disabled` also the organization's plugins that are not enabled here; `enabled` tells them apart."""
    deployments = list_deployments(stores, scope)
    found = [] if source == "community" else list_extractors(stores, scope, source or "all")
    items = [unified(e, deployments.get(e.extractor_id)) | {"enabled": True} for e in found]
    if include_disabled and source in (None, "all", "custom"):
        items += [unified(e, None) | {"enabled": False} for e in disabled_extractors(stores, caller, scope)]
    builtins = sum(item["source"] == "builtin" for item in items)
    return Answer(
        {
            "success": True,
            "extractors": items,
            "total": len(items),
            "namespace_id": scope.namespace_id,
            "builtin_count": builtins,
            "custom_count": len(items) - builtins,
        }
    )


@router.get("/namespaces/{namespace_id}/extractors/{extractor_id}")
def get(stores: StoresOf, scope: ReadScope, extractor_id: str) -> Answer:
    extractor = get_extractor(stores, scope, extractor_id)
    return Answer(unified(extractor, get_deployment(stores, scope, extractor.extractor_id)))


@router.get("/collections/features/extractors")
def list_for_collections(stores: StoresOf, scope: NamedScope) -> Answer:
    return Answer([described(e) for e in offered(stores, scope)])


@router.get("/collections/features/extractors/{feature_extractor_id}")
def get_for_collections(stores: StoresOf, scope: NamedScope, feature_extractor_id: str) -> Answer:
    for extractor in offered(stores, scope):
        if extractor.extractor_id == feature_extractor_id:
            return Answer(described(extractor))
    raise NotFound(
        f"There is no extractor {feature_extractor_id[:100]!r}.",
        "Send X-Namespace to see a namespace's plugins, or list the extractors.",
    )


def offered(stores: Stores, scope: Scope | None) -> list[Extractor]:
    """The built-ins, and the plugins of the namespace that the request names."""
    if scope is None:
        return [Extractor(b.manifest, builtin=b) for b in BUILTINS.values()]
    return list_extractors(stores, scope)


def described(extractor: Extractor) -> dict[str, Any]:
    """FeatureExtractorResponseModel."""
    manifest = extractor.manifest
    parameters = manifest.parameter_schema
    return {
        "feature_extractor_name": manifest.name,
        "version": manifest.version,
        "feature_extractor_id": extractor.extractor_id,
        "source": "custom" if extractor.plugin else "builtin",
        "description": manifest.description,
        "icon": extractor.builtin.icon if extractor.builtin else "box",
        "input_schema": manifest.input_schema or {},
        "output_schema": manifest.output_schema,
        "parameter_schema": parameters or {},  # the client takes no null here
        "supported_input_types": manifest.supported_input_types,
        "max_inputs": {},
        "default_parameters": defaults(parameters),
        "required_vector_indexes": vector_indexes(manifest),
        "required_payload_indexes": [],
        "position_fields": [],
    }


def unified(extractor: Extractor, deployment: Deployment | None) -> dict[str, Any]:
    """UnifiedExtractorResponse."""
    plugin = extractor.plugin
    return described(extractor) | {
        "feature_uri": extractor.manifest.uri,
        "plugin_id": plugin.plugin_id if plugin else None,
        "deployed": deployment is not None and deployment.status is DeploymentStatus.DEPLOYED if plugin else None,
        "validation_status": plugin.validation_status if plugin else None,
        "created_at": plugin.created_at if plugin else None,
        "updated_at": plugin.updated_at if plugin else None,
    }


def defaults(schema: dict[str, Any] | None) -> dict[str, Any]:
    """The parameters' defaults."""
    properties = (schema or {}).get("properties", {})
    return {name: p["default"] for name, p in properties.items() if isinstance(p, dict) and "default" in p}
