"""Secret: a value that an organization keeps here under a name; it is never answered again, and never logged."""

from core.errors import AlreadyExists, InvalidRequest, NotFound
from core.names import check_name
from core.noun import Noun
from core.quotas import create_within
from core.stores import Stores
from core.stores.records import Entry
from core.stores.secrets import Sealed
from core.tenancy import Principal

MAX_NAME = 100
MAX_VALUE_BYTES = 64 * 1024


class Secret(Noun):
    """A secret as stored: only what KMS can open."""

    secret_name: str
    sealed: Sealed
    created_by: str
    updated_by: str


def create_secret(stores: Stores, principal: Principal, name: str, value: str) -> None:
    """Keep `value` under `name`.

    Raises:
        AlreadyExists: the organization has a secret of this name.
    """
    check_name(name, "secret_name")
    _check_value(value)
    pk, taken = (
        principal.org_key("secret"),
        AlreadyExists(f"Your organization has a secret {name!r}.", "Change its value with PUT, or use another name."),
    )
    if stores.records.get(pk, name):
        raise taken
    secret = Secret(
        secret_name=name,
        sealed=stores.secrets.seal(principal.org_id, name, value),
        created_by=principal.user_id,
        updated_by=principal.user_id,
    )
    try:
        create_within(stores, "secrets", principal.org_key, "secret", [Entry(pk, name, secret.body())])
    except AlreadyExists as error:
        raise taken from error


def change_secret(stores: Stores, principal: Principal, name: str, value: str) -> None:
    """Put `value` in the place of the one that is kept under `name`.

    Raises:
        NotFound: there is no such secret.
    """
    _check_value(value)
    pk = principal.org_key("secret")
    if stores.records.get(pk, name) is None:
        raise _missing(name)
    sealed = stores.secrets.seal(principal.org_id, name, value)
    changes = {"sealed": sealed, "updated_by": principal.user_id}
    record = stores.records.update(pk, name, lambda body: Secret.model_validate(body).changed(**changes).body())
    if record is None:
        raise _missing(name)


def delete_secret(stores: Stores, principal: Principal, name: str) -> None:
    """Delete the secret.

    Raises:
        NotFound: there is no such secret.
    """
    pk = principal.org_key("secret")
    if stores.records.get(pk, name) is None or not stores.records.delete(pk, name):
        raise _missing(name)


def secret_names(stores: Stores, principal: Principal) -> list[str]:
    """The names of the organization's secrets, sorted."""
    return list(stores.records.sort_keys(principal.org_key("secret")))


def reveal_secret(stores: Stores, org_id: str, name: str) -> str:
    """The value itself: for what acts on the organization's behalf, never for an answer.

    Raises:
        NotFound: there is no such secret.
    """
    record = stores.records.get(Principal(org_id, "", "").org_key("secret"), name)
    if record is None:
        raise _missing(name)
    return stores.secrets.reveal(org_id, name, Secret.model_validate(record.body).sealed)


def _check_value(value: str) -> None:
    size = len(value.encode())
    if size > MAX_VALUE_BYTES:
        raise InvalidRequest(f"secret_value has {size} bytes.", f"Use at most {MAX_VALUE_BYTES}.", "secret_value")


def _missing(name: str) -> NotFound:
    return NotFound(f"Your organization has no secret {name[:100]!r}.", "List the secrets to see their names.")
