"""The data routes of one serving node as an ASGI app: inference, documents, search.

Every route but `/inference/…` exists twice: at `/v1`, with the namespace in the `X-Namespace` header, and at
`/v1/namespaces/{namespace_id}`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from batch.hosts import host_settings
from batch.serving import document_routes, import_routes, inference_routes, search_routes
from batch.serving.documents import Documents
from batch.serving.embedding import Embedder, QueryHosts
from batch.serving.inference import PREFIX, Inference, Receive, Send
from batch.serving.node import Node
from batch.serving.plugin_hosts import PluginHosts
from batch.serving.searching import Searcher
from batch.serving.web import answer_errors
from core.request_log import RequestLog
from core.settings import Settings
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.vectors import Vectors
from core.tenancy import Scope

PRESIGNED_S = 3600


class ServingApp:
    """The ASGI app, and the node that it starts and stops with its lifespan."""

    def __init__(self, stores: Stores, vectors: Vectors, settings: Settings) -> None:
        host_settings(settings)  # what can't be used is told now, not at the first deployment
        self.hosts = PluginHosts(stores, settings)
        self.node = Node(stores, self.hosts.starter, replicas=settings.replicas)
        self.queries = QueryHosts(self.hosts.open_pipeline)
        self.inference = Inference(stores, self.node.endpoints, settings.inference_timeout_s)
        self._logged = RequestLog(self._answer, "serving")
        self.routes = _routes(stores, vectors, settings, self.inference, self.queries)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._logged(scope, receive, send)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self.inference(scope, receive, send)
        else:
            await self.routes(scope, receive, send)

    def start(self) -> None:
        """Begin to serve what the records ask for; a gateway that mounts the app calls this at its own start."""
        self.node.start()

    def stop(self) -> None:
        """Answer what is in flight, then end every host."""
        self.node.stop()
        self.queries.close()
        self.hosts.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """`start` and `stop`, for a lifespan."""
        self.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self.stop)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.serving():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(stores: Stores, vectors: Vectors, settings: Settings) -> ServingApp:
    """The data routes over these stores."""
    return ServingApp(stores, vectors, settings)


def _routes(stores: Stores, vectors: Vectors, settings: Settings, inference: Inference, queries: QueryHosts) -> FastAPI:
    app = FastAPI(
        title="OpenPeek data",
        version="0.81",
        redirect_slashes=False,
        strict_content_type=False,
    )
    app.state.stores, app.state.inference = stores, inference
    app.state.documents = Documents(stores, vectors)
    app.state.searcher = Searcher(stores, vectors, Embedder(settings, inference.call_blocking, queries))
    app.state.presign = _presigner(stores, settings)
    answer_errors(app)
    for module in (document_routes, search_routes, inference_routes, import_routes):
        for prefix in ("/v1", "/v1/namespaces/{namespace_id}"):
            app.include_router(module.scoped, prefix=prefix)
    return app


def _presigner(stores: Stores, settings: Settings) -> Callable[[Scope], Callable[[str], str | None]]:
    """URLs to read a document's own file by: only files of the document's namespace get one."""

    def for_scope(scope: Scope) -> Callable[[str], str | None]:
        def presign(url: str) -> str | None:
            own = f"s3://{settings.object_bucket}/{scope.prefix}/"
            return stores.blobs.presign_get(BlobRef.parse(url), PRESIGNED_S) if url.startswith(own) else None

        return presign

    return for_scope
