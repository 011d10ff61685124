"""What a platform has before anyone used it: an organization, an admin's key, and a namespace."""

from core.access import authenticate
from core.namespaces import create_namespace, each_namespace
from core.organizations import bootstrap
from core.stores import Stores
from infra.local.home import Home, Profile

NAMESPACE = "default"


def ensure_profile(home: Home, stores: Stores, base_url: str) -> bool:
    """Make sure that the profile's key and namespace exist; a state that was deleted gets new ones.

    Returns:
        Whether the key is new.
    """
    before = home.profile()
    secret = bootstrap(stores, before.api_key if before else None)
    principal = authenticate(stores, [f"Bearer {secret}"])
    namespaces = list(each_namespace(stores, principal))
    kept = [n for n in namespaces if before and n.namespace_id == before.namespace]
    namespace = (kept or namespaces or [create_namespace(stores, principal, NAMESPACE)])[0]
    home.keep_profile(Profile(base_url, secret, namespace.namespace_id))
    return before is None or before.api_key != secret
