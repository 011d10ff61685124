"""Routes that wrap a deployment's handler: the contract's `/v1/inference`, and the trial call of a plugin."""

import re
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from batch.serving.answers import encoded
from batch.serving.inference import Inference
from batch.serving.web import Json
from core.deployments import Deployment
from core.errors import InvalidRequest
from core.plugins import get_plugin
from core.stores import Stores
from core.tenancy import Scope
from core.web.bodies import Body
from core.web.callers import Reader, ReadScope
from core.web.routes import CheckedRoute
from plugin_sdk.errors import PlatformError
from plugin_sdk.manifest import normalise_version

scoped = APIRouter(route_class=CheckedRoute)
URI = re.compile(r"mixpeek://(?P<name>[A-Za-z][A-Za-z0-9_]*)@(?P<version>[^/]+)(/[A-Za-z0-9_]+)?")
Items = dict[str, Any]


class RawInferenceRequest(Body):
    """A call by the deployment's name or by a feature URI; `provider` and `model` belong to hosted models."""

    inputs: Items
    inference_name: str | None = None
    feature_uri: str | None = None
    parameters: Items | None = None
    provider: str | None = None
    model: str | None = None
    enable_semantic_cache: bool = False
    cache_delta: float | None = Field(default=None, ge=0, le=1)


class RealtimeTestRequest(Body):
    """What to send to the handler; none sends an empty text."""

    inputs: Items | None = None
    parameters: Items | None = None


@scoped.post("/inference", tags=["inference"])
async def execute_inference(request: Request, principal: Reader, scope: ReadScope, body: RawInferenceRequest) -> Json:
    """Call a deployed plugin."""
    inference: Inference = request.app.state.inference
    stores: Stores = request.app.state.stores
    deployment = await run_in_threadpool(deployment_of, stores, scope, body.inference_name, body.feature_uri)
    began = time.perf_counter()
    data = await inference.call(principal, deployment.name, payload_of(body.inputs, body.parameters))
    elapsed_ms = (time.perf_counter() - began) * 1000
    encoded(data)
    return Json(
        {
            "data": data,
            "provider": "custom",
            "model": deployment.plugin_id,
            "tokens_used": None,
            "latency_ms": round(elapsed_ms, 3),
            "cached": False,
        }
    )


@scoped.post("/plugins/{plugin_id}/realtime/test", tags=["plugins"])
async def test_realtime(
    request: Request,
    principal: Reader,
    scope: ReadScope,
    plugin_id: str,
    body: RealtimeTestRequest | None = None,
) -> Json:
    """Try a deployed plugin's handler; what goes wrong is told in the answer."""
    inference: Inference = request.app.state.inference
    stores: Stores = request.app.state.stores
    body = body or RealtimeTestRequest()
    plugin = await run_in_threadpool(get_plugin, stores, scope, plugin_id)
    name = named(scope, plugin.plugin_id)
    answer: Items = {"inference_name": name, "raw_response": None, "response_type": None, "response_keys": None}
    try:
        data = await inference.call(principal, name, payload_of(body.inputs or {"text": ""}, body.parameters))
        encoded(data)
    except PlatformError as error:
        return Json(answer | {"status": "error", "error": str(error), "message": error.fix})
    answer |= {"raw_response": data, "response_type": type(data).__name__, "response_keys": [str(key) for key in data]}
    return Json(answer | {"status": "success", "error": None, "message": "The handler answered."})


def payload_of(inputs: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> Items:
    """What the handler receives: the inputs, and `parameters` beside them where some are given."""
    return dict(inputs) | ({"parameters": dict(parameters)} if parameters else {})


def deployment_of(stores: Stores, scope: Scope, inference_name: str | None, feature_uri: str | None) -> Deployment:
    """The deployment that a request means.

    Raises:
        InvalidRequest: it names none, or the URI is none.
        NotFound: the namespace has no such plugin.
    """
    if inference_name:
        prefix = f"custom_plugin_{scope.namespace_id}_"
        plugin_id = inference_name.removeprefix("/inference/").removeprefix(prefix)
        return _deployment(scope, get_plugin(stores, scope, plugin_id).plugin_id)
    if not feature_uri:
        raise InvalidRequest(
            "The request names neither inference_name nor feature_uri.",
            "Give inference_name: custom_plugin_{namespace_id}_{plugin_id}, or feature_uri: mixpeek://name@version.",
            "inference_name",
        )
    uri = URI.fullmatch(feature_uri)
    if uri is None:
        raise InvalidRequest(f"feature_uri is {feature_uri!r}.", "Write mixpeek://name@version.", "feature_uri")
    reference = f"{uri['name']}@{normalise_version(uri['version'])}"
    return _deployment(scope, get_plugin(stores, scope, reference).plugin_id)


def named(scope: Scope, plugin_id: str) -> str:
    """The deployment's name."""
    return _deployment(scope, plugin_id).name


def _deployment(scope: Scope, plugin_id: str) -> Deployment:
    return Deployment(org_id=scope.org_id, namespace_id=scope.namespace_id, plugin_id=plugin_id)
