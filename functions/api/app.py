"""The control API: FastAPI over `core`, for uvicorn here and for Lambda through Mangum.

Routes live in `functions/api/routes/<resource>.py`. Each module exposes one or both of

- `router`: the organization's own things, mounted at `/v1`;
- `scoped`: a namespace's things, mounted at `/v1` (namespace from the `X-Namespace` header) and once more at
  `/v1/namespaces/{namespace_id}`. A route asks for its namespace by a parameter of type `deps.ReadScope`,
  `deps.WriteScope` or `deps.DeleteScope`; which form was called is not the route's concern.

Both are `deps.Router`. Bodies derive from `deps.Body`; handlers are plain functions, run in the
thread pool, and return `deps.Answer(json, status)`. Modules are mounted in the order of their names.
"""

import importlib
import pkgutil
from functools import cache
from typing import Any

from fastapi import FastAPI

from core.imports import Bulk
from core.inspectors import inspector_of
from core.log import configure
from core.plugins import Inspector
from core.request_log import RequestLog
from core.settings import Settings
from core.stores import Stores
from functions.api import routes
from functions.api.errors import answer_errors
from functions.api.openapi import describe

MOUNTED = (("router", "/v1"), ("scoped", "/v1"), ("scoped", "/v1/namespaces/{namespace_id}"))


def create_app(stores: Stores, inspector: Inspector | None = None, bulk: Bulk | None = None) -> FastAPI:
    """The control API over these stores.

    Args:
        inspector: reads manifests; by default the function that settings name.
        bulk: imports and reads files of rows here; without it imports are jobs, and serving nodes read the rows.
    """
    app = FastAPI(
        title="OpenPeek",
        version="0.81",
        redirect_slashes=False,
        strict_content_type=False,
    )
    app.state.stores, app.state.inspector, app.state.bulk = stores, inspector or inspector_of(stores), bulk
    answer_errors(app)
    app.add_middleware(RequestLog, service="api")
    for found in pkgutil.iter_modules(routes.__path__):
        module = importlib.import_module(f"{routes.__name__}.{found.name}")
        for name, prefix in MOUNTED:
            if router := getattr(module, name, None):
                app.include_router(router.below(prefix), prefix=prefix)
    describe(app)
    return app


@cache  # opened at a container's first event, kept for the ones after it
def _lambda() -> Any:
    from mangum import Mangum

    configure()
    return Mangum(create_app(Stores.open(Settings())), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> Any:
    """An API Gateway event in, the app's answer out."""
    return _lambda()(event, context)
