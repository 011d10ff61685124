"""Secrets: values sealed by data keys that KMS makes, so that whoever reads the table reads nothing.

Each value has a data key of its own. KMS wraps it for the organization (its id is the encryption context), and AES-GCM
binds the value to the secret's name: a record copied to another organization or name opens nowhere.
"""

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any

from botocore.exceptions import ClientError

from core.errors import StoreUnavailable
from core.settings import Settings
from core.stores.aws import client, error_code, talking_to

NONCE_BYTES = 12
Sealed = dict[str, str]


class Secrets:
    """KMS. Raises StoreUnavailable when KMS does not answer, or does not let this process use the key."""

    def __init__(self, open_client: Callable[[], Any], key: str) -> None:
        self._open_client, self._key = open_client, key

    def seal(self, org_id: str, name: str, value: str) -> Sealed:
        """What may be stored of `value`; every call gives another."""
        with _asking_kms(self._key):
            made = self._client.generate_data_key(
                KeyId=self._key, KeySpec="AES_256", EncryptionContext=_context(org_id)
            )
        nonce = secrets.token_bytes(NONCE_BYTES)
        ciphertext = _cipher(made["Plaintext"]).encrypt(nonce, value.encode(), _bound_to(org_id, name))
        return {
            "key": _text(made["CiphertextBlob"]),
            "nonce": _text(nonce),
            "ciphertext": _text(ciphertext),
        }

    def reveal(self, org_id: str, name: str, sealed: Mapping[str, str]) -> str:
        """The value that was sealed for this organization under this name.

        Raises:
            StoreUnavailable: it was sealed for another, was changed since, or the key is gone.
        """
        from cryptography.exceptions import InvalidTag

        with _asking_kms(self._key):
            answer = self._client.decrypt(
                CiphertextBlob=_bytes(sealed["key"]), KeyId=self._key, EncryptionContext=_context(org_id)
            )
        try:
            cipher = _cipher(answer["Plaintext"])
            return bytes(
                cipher.decrypt(_bytes(sealed["nonce"]), _bytes(sealed["ciphertext"]), _bound_to(org_id, name))
            ).decode()
        except InvalidTag as error:
            raise StoreUnavailable(f"The secret {name!r} does not open.", "Set its value again.") from error

    def check(self) -> None:
        """Let pass a key that can be used.

        Raises:
            StoreUnavailable: KMS does not answer, or the key is gone, disabled or not this process's to use.
        """
        with _asking_kms(self._key):
            found = self._client.describe_key(KeyId=self._key)["KeyMetadata"]
        if not found.get("Enabled", True):
            raise StoreUnavailable(f"The KMS key {self._key} is {found.get('KeyState')}.", "Enable it.")

    @cached_property
    def _client(self) -> Any:
        return self._open_client()


@lru_cache(8)
def secrets_of(settings: Settings) -> Secrets:
    """The secrets of these settings; the client is opened at the first use, since few requests have one."""
    return Secrets(lambda: client("kms", settings), settings.secrets_key)


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # here: it costs a cold start that few need

    return AESGCM(key)


def _context(org_id: str) -> dict[str, str]:
    return {"org_id": org_id}


def _bound_to(org_id: str, name: str) -> bytes:
    return f"{org_id}\x1f{name}".encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


@contextmanager
def _asking_kms(key: str) -> Iterator[None]:
    """Whatever KMS refuses is the operator's to mend; the reason is told by its code alone."""
    try:
        with talking_to("KMS"):
            yield
    except ClientError as error:
        raise StoreUnavailable(
            f"KMS refused the key {key}: {error_code(error)}.",
            "Create the key and its alias, and let this service use it.",
        ) from error
