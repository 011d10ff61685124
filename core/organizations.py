"""Organization: the tenant; its users and their API keys."""

from core.noun import Noun


class Organization(Noun):
    """An organization as stored; `org_id` is the internal id that every key starts with."""

    org_id: str
    name: str


class ApiKey(Noun):
    """An API key as stored: only the SHA-256 of the secret, never the secret."""

    key_id: str
    key_hash: str
    key_prefix: str
    org_id: str
    user_id: str
    user_email: str
    name: str
    description: str = ""
    permissions: list[str] = ["read", "write", "delete", "admin"]
    status: str = "active"
    expires_at: str | None = None
    last_used_at: str | None = None
    revoked_at: str | None = None
