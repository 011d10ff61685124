"""Assets: the tenant's own files in the object bucket, read on behalf of code that holds no credential."""

from collections.abc import Callable

from core.errors import Forbidden, TooLarge
from core.settings import Settings
from core.stores.blobs import BlobRef, Blobs
from core.tenancy import Scope

MAX_ASSET_BYTES = 512 * 1024 * 1024
"""Largest file that a plugin gets: its worker holds it whole."""

DOTS = frozenset({".", ".."})
"""Parts of a key that mean themselves to S3, but something else to what keeps files in folders."""


def scoped_fetch(blobs: Blobs, settings: Settings, scope: Scope) -> Callable[[BlobRef, int | None], bytes]:
    """A reader of the tenant's own files in the object bucket, and of nothing else."""

    def fetch(ref: BlobRef, max_bytes: int | None = None) -> bytes:
        inside = ref.key.startswith(f"{scope.prefix}/") and not DOTS.intersection(ref.key.split("/"))
        if ref.bucket != settings.object_bucket or not inside:
            raise Forbidden(f"{ref.url} is not a file of this namespace.", "Upload it to one of its buckets first.")
        return blobs.get(ref, max_bytes)

    return fetch


def asset_fetcher(blobs: Blobs, settings: Settings, scope: Scope) -> Callable[[str], bytes]:
    """Answers the plugin's requests for assets, by URL; the child never holds a credential."""
    fetch = scoped_fetch(blobs, settings, scope)

    def fetch_asset(url: str) -> bytes:
        try:
            ref = BlobRef.parse(url)
        except ValueError as error:
            raise Forbidden(f"{url[:200]!r} is no s3:// URL.", "Pass the URL that came in 'data'.") from error
        data = fetch(ref, MAX_ASSET_BYTES + 1)
        if len(data) > MAX_ASSET_BYTES:
            raise TooLarge(
                f"{url[:200]} has more than {MAX_ASSET_BYTES >> 20} MiB, which is the most that a plugin gets.",
                "Upload it in parts, or in a smaller form.",
            )
        return data

    return fetch_asset
