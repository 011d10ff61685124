"""The gateway's choice between the control API and the serving node, and the lifespans of both."""

import asyncio

import pytest

from infra.local.gateway import DATA_ROUTE, Gateway, living


@pytest.mark.parametrize(
    "path",
    [
        "/inference/custom_plugin_ns_1_my_extractor_1_0_0",
        "/v1/inference",
        "/v1/collections/col_1/documents/list",
        "/v1/collections/col_1/documents/doc_1",
        "/v1/collections/col_1/documents",
        "/v1/retrievers/ret_1/execute",
        "/v1/retrievers/execute",
        "/v1/documents/search",
        "/v1/namespaces/ns_1/plugins/my_extractor_1_0_0/realtime/test",
        "/v1/namespaces/ns_1/collections/col_1/documents/list",
    ],
)
def test_data_route_goes_to_the_serving_node(path):
    assert DATA_ROUTE.match(path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/namespaces",
        "/v1/namespaces/inference",
        "/v1/collections/documents",
        "/v1/collections/col_1",
        "/v1/retrievers/ret_1",
        "/v1/retrievers",
        "/v1/namespaces/ns_1/plugins/my_extractor_1_0_0/deploy",
        "/v1/health/liveness",
        "/docs",
        "/",
    ],
)
def test_any_other_route_goes_to_the_control_api(path):
    assert not DATA_ROUTE.match(path)


def named(name, heard):
    async def app(scope, receive, send):
        if scope["type"] != "lifespan":
            heard.append((name, scope["path"]))
            return
        heard.append((name, (await receive())["type"]))
        await send({"type": "lifespan.startup.complete"})
        heard.append((name, (await receive())["type"]))
        await send({"type": "lifespan.shutdown.complete"})

    return app


def test_both_applications_live_as_long_as_the_gateway():
    heard = []
    gateway = Gateway(named("control", heard), named("data", heard))

    async def serve():
        async with living(gateway):
            for path in ("/v1/namespaces", "/v1/inference"):
                await gateway({"type": "http", "path": path}, None, None)

    asyncio.run(serve())

    assert heard == [
        ("control", "lifespan.startup"),
        ("data", "lifespan.startup"),
        ("control", "/v1/namespaces"),
        ("data", "/v1/inference"),
        ("data", "lifespan.shutdown"),
        ("control", "lifespan.shutdown"),
    ]


def test_application_that_cannot_start_keeps_the_gateway_from_starting():
    async def broken(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no Lance here"})

    async def serve():
        async with living(Gateway(named("control", []), broken)):
            pass

    with pytest.raises(RuntimeError, match="no Lance here"):
        asyncio.run(serve())
