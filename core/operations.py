"""Operations: what a request does to a namespace, in the words by which an API key's scopes can be limited."""

import re

from core.errors import Forbidden
from core.tenancy import Principal

OPERATIONS = (
    "read_data",
    "write_data",
    "delete_data",
    "execute_retriever",
    "create_retriever",
    "delete_retriever",
    "execute_job",
    "cancel_job",
    "modify_infrastructure",
    "manage_permissions",
)
"""Those that some request here needs."""

_RULES = [
    (re.compile(pattern), operation)
    for pattern, operation in (
        (r"POST (/retrievers/([^/]+/)?execute|/documents/search)", "execute_retriever"),
        (r"POST (/inference(/.*)?|/plugins/[^/]+/realtime/.*)", "execute_retriever"),
        (r"POST .*/list", "read_data"),
        (r"DELETE /retrievers/.*", "delete_retriever"),
        (r"(POST|PUT|PATCH) /retrievers.*", "create_retriever"),
        (r"POST (/buckets/[^/]+/batches/([^/]+/(submit|retry)|trigger)|/collections/[^/]+/trigger)", "execute_job"),
        (r"(POST /buckets/[^/]+/batches/[^/]+/cancel|DELETE /tasks/.*)", "cancel_job"),
        (r"[A-Z]+ /organizations/.*", "manage_permissions"),
        (r"(GET|HEAD) .*", "read_data"),
        (r"[A-Z]+ (/plugins|/models|/namespaces)(/.*)?", "modify_infrastructure"),
        (r"DELETE .*", "delete_data"),
    )
]


def operation_of(method: str, path: str) -> str:
    """What a request of this method and path does, whichever way it names its namespace."""
    inner = re.sub(r"^/v1(/namespaces/[^/]+(?=/(?!$)))?", "", path) if path.startswith("/v1/") else path
    asked = f"{method} {inner}"
    return next((operation for pattern, operation in _RULES if pattern.fullmatch(asked)), "write_data")


def allow(principal: Principal, place: str, operation: str) -> None:
    """Let pass whose key may do this in the namespace ("": in the whole organization, "*": anywhere).

    Raises:
        Forbidden: its scopes name other operations.
    """
    allowed = principal.operations(place)
    if allowed is not None and operation not in allowed:
        raise Forbidden(
            f"The API key's scopes do not hold the operation {operation!r}.",
            f"They hold {', '.join(sorted(allowed)) or 'none here'}; use a key whose scopes hold it.",
        )
