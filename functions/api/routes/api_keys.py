"""Routes of the API keys of an organization's users."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from core import access
from core.errors import InvalidRequest
from core.ids import now
from core.namespaces import find_namespace
from core.narrowing import FINDERS, resource_of
from core.operations import OPERATIONS
from core.organizations import ApiKey, change_key, create_key, list_keys, revoke_key, rotate_key
from core.stores import Stores
from core.tenancy import Principal
from core.web.bodies import Body
from functions.api.deps import Admin, Answer, Router, StoresOf, given

router = Router(prefix="/organizations/users/{user_email}/api-keys", tags=["api-keys"])
Permission = Literal["read", "write", "delete", "admin"]
Moment = Annotated[AwareDatetime, Field(strict=False)]


Operation = Literal[
    "read_data",
    "write_data",
    "delete_data",
    "execute_retriever",
    "create_retriever",
    "delete_retriever",
    "execute_job",
    "cancel_job",
    "create_cluster",
    "delete_cluster",
    "modify_cluster",
    "modify_infrastructure",
    "manage_permissions",
]


class ResourceScope(Body):
    """ResourceScope: what a key is limited to, and what it may do there.

    The organization, a namespace (id or name), or a single bucket, collection or retriever (id).
    """

    resource_type: str
    resource_id: str = Field(min_length=1, max_length=100)
    operations: list[Operation] | None = None


class CreateKey(Body):
    """APIKeyCreateRequest."""

    name: str = Field(min_length=1, max_length=100)
    description: str | None = Field(None, max_length=500)
    permissions: list[Permission] | None = None
    scopes: list[ResourceScope] | None = None
    rate_limit_override: int | None = Field(None, ge=1)
    expires_at: Moment | None = None


class ChangeKey(Body):
    """APIKeyUpdateRequest."""

    name: str | None = Field(None, min_length=1, max_length=100)
    description: str | None = Field(None, max_length=500)
    permissions: list[Permission] | None = None
    scopes: list[ResourceScope] | None = None
    rate_limit_override: int | None = Field(None, ge=1)
    expires_at: Moment | None = None
    status: Literal["active", "revoked", "expired"] | None = None


@router.post("")
def create(stores: StoresOf, caller: Admin, user_email: str, body: CreateKey) -> Answer:
    key, secret = create_key(stores, caller, user_email, **checked(stores, caller, body))
    return Answer(shown(key) | {"key": secret})


@router.get("")
def list_all(stores: StoresOf, caller: Admin, user_email: str, include_revoked: bool = False) -> Answer:
    access.write_uses(stores)
    keys = list_keys(stores, caller, user_email, include_revoked=include_revoked)
    return Answer({"results": [shown(key) for key in keys], "total": len(keys)})


@router.patch("/{key_name}")
def change(stores: StoresOf, caller: Admin, user_email: str, key_name: str, body: ChangeKey) -> Answer:
    fields = checked(stores, caller, body)
    status = fields.pop("status", "active")
    if status == "expired":
        fields["expires_at"] = now().isoformat()
    access.write_uses(stores)
    key = change_key(stores, caller, user_email, key_name, **fields)
    if status == "revoked":
        key = revoke_key(stores, caller, user_email, key.name)
    access.forget_key(stores, key.key_hash)
    return Answer(shown(key))


@router.delete("/{key_name}")
def delete(stores: StoresOf, caller: Admin, user_email: str, key_name: str) -> Answer:
    key = revoke_key(stores, caller, user_email, key_name)
    access.forget_key(stores, key.key_hash)
    return Answer({"success": True, "message": f"Key {key_name!r} was revoked."})


@router.post("/{key_name}/rotate")
def rotate(stores: StoresOf, caller: Admin, user_email: str, key_name: str) -> Answer:
    access.write_uses(stores)
    old, key, secret = rotate_key(stores, caller, user_email, key_name)
    access.forget_key(stores, old.key_hash)
    return Answer(shown(key) | {"key": secret})


def checked(stores: Stores, caller: Principal, body: CreateKey | ChangeKey) -> dict[str, Any]:
    """The request's fields, scopes being the organization or what is in it by id; null takes a limit away."""
    fields = given(body)
    fields |= {name: None for name in ("expires_at", "rate_limit_override") if name in body.model_fields_set} | fields
    if "scopes" in body.model_fields_set:
        scopes = fields.get("scopes", [])
        fields["scopes"] = [scope_of(stores, caller, scope, f"scopes[{i}]") for i, scope in enumerate(scopes)]
    if isinstance(body, CreateKey) and body.expires_at and body.expires_at <= now():
        raise InvalidRequest(f"expires_at is {body.expires_at}, which has passed.", "Give a later time.", "expires_at")
    return fields


def scope_of(stores: Stores, caller: Principal, scope: dict[str, Any], where: str) -> dict[str, Any]:
    """The scope, if keys can be limited by it.

    Raises:
        InvalidRequest: it is of another kind, or names operations for things that there are not here.
    """
    unknown = [o for o in scope.get("operations") or () if o not in OPERATIONS]
    if unknown:
        raise InvalidRequest(
            f"{where}.operations: nothing here is {unknown[0]!r}.",
            f"Use {', '.join(OPERATIONS)}.",
            f"{where}.operations",
        )
    if scope["resource_type"] == "organization":
        return scope | {"resource_id": caller.org_id}
    if scope["resource_type"] in FINDERS:
        place = resource_of(stores, caller, scope["resource_type"], scope["resource_id"], f"{where}.resource_id")
        return scope | {"namespace_id": place}
    if scope["resource_type"] != "namespace":
        raise InvalidRequest(
            f"{where}: a key can't be limited to {scope['resource_type']!r}.",
            f"Use resource_type 'organization', 'namespace', {', '.join(map(repr, FINDERS))}, with operations.",
            where,
        )
    return scope | {"resource_id": find_namespace(stores, caller, scope["resource_id"]).namespace_id}


def shown(key: ApiKey) -> dict[str, Any]:
    """APIKeyModel."""
    over = key.status == "active" and key.expires_at and datetime.fromisoformat(key.expires_at) <= now()
    body = key.body()
    del body["user_email"]
    body["usage"] = {"requests": body.pop("uses")}
    body["scopes"] = [{k: v for k, v in scope.items() if k != "namespace_id"} for scope in body["scopes"]]
    body |= {"internal_id": body.pop("org_id"), "organization_id": key.org_id, "key_type": "standard"}
    return body | ({"status": "expired"} if over else {})
