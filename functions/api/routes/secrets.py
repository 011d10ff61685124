"""Routes of an organization's secrets: names only; no answer holds a value."""

from typing import Annotated

from pydantic import Field, SecretStr

from core.secrets import MAX_NAME, change_secret, create_secret, delete_secret, secret_names
from core.web.bodies import Body
from functions.api.deps import Admin, Answer, Router, StoresOf

router = Router(prefix="/organizations/secrets", tags=["secrets"])
Value = Annotated[SecretStr, Field(min_length=1)]


class CreateSecret(Body):
    """CreateSecretRequest."""

    secret_name: str = Field(min_length=1, max_length=MAX_NAME)
    secret_value: Value


class ChangeSecret(Body):
    """UpdateSecretRequest."""

    secret_value: Value


@router.post("", status_code=201)
def create(stores: StoresOf, caller: Admin, body: CreateSecret) -> Answer:
    create_secret(stores, caller, body.secret_name, body.secret_value.get_secret_value())
    return Answer({"secret_name": body.secret_name, "created": True}, status_code=201)


@router.get("")
def list_all(stores: StoresOf, caller: Admin) -> Answer:
    names = secret_names(stores, caller)
    return Answer({"secrets": names, "count": len(names)})


@router.put("/{secret_name}")
def change(stores: StoresOf, caller: Admin, secret_name: str, body: ChangeSecret) -> Answer:
    change_secret(stores, caller, secret_name, body.secret_value.get_secret_value())
    return Answer({"secret_name": secret_name, "updated": True})


@router.delete("/{secret_name}")
def delete(stores: StoresOf, caller: Admin, secret_name: str) -> Answer:
    delete_secret(stores, caller, secret_name)
    return Answer({"secret_name": secret_name, "deleted": True})
