"""A service says at its start what of its settings can't be used, not when its first plugin runs."""

import pytest

from batch import service
from batch.serving.app import ServingApp
from core.settings import Settings
from infra.local.commands import up
from infra.local.home import Home
from plugin_sdk.errors import PlatformError


@pytest.fixture(
    params=[("MIXPEEK_NETWORK_ALLOW", "example.com"), ("OPENPEEK_HOST_ALLOW_MISSING", "roof")], ids=lambda pair: pair[0]
)
def bad(request, monkeypatch):
    """The name of a variable that is set to what can't be used."""
    name, value = request.param
    monkeypatch.setenv(name, value)
    return name


def test_the_batch_service_does_not_start(bad, monkeypatch):
    monkeypatch.setattr(service.logs, "configure", lambda: None)
    monkeypatch.setattr(service, "scrub_environment", lambda: None)

    with pytest.raises(PlatformError, match=bad):
        service.main()


def test_a_serving_node_does_not_start(bad):
    with pytest.raises(PlatformError, match=bad):
        ServingApp(None, None, Settings())


def test_up_starts_nothing(bad, tmp_path):
    home = Home(tmp_path / "home")

    with pytest.raises(PlatformError, match=bad):
        up(home, 1, 2, print)

    assert not home.state_file.exists()
