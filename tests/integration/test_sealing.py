"""Secrets over the emulator's KMS: the same envelope as on AWS."""

import pytest

from core.errors import StoreUnavailable
from core.stores import Stores


def test_sealed_value_opens_for_its_organization_alone(stores: Stores) -> None:
    sealed = stores.secrets.seal("org_1", "github", "ghp_0123456789")

    assert stores.secrets.reveal("org_1", "github", sealed) == "ghp_0123456789"
    assert "ghp_" not in str(sealed)
    for org_id, name in (("org_2", "github"), ("org_1", "gitlab")):
        with pytest.raises(StoreUnavailable):
            stores.secrets.reveal(org_id, name, sealed)
