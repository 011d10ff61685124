"""How much memory a plugin's host gets: what its manifest asks for, up to what the operator allows."""

import pytest

from batch.hosts import host_settings
from core.settings import Settings
from plugin_sdk.host import HostSettings
from plugin_sdk.host.memory import LEAST_MB, TooMuchMemory, memory_of
from plugin_sdk.local_host import local_host_settings
from plugin_sdk.manifest import ComputeProfile, Manifest

LIMITS = HostSettings(memory_mb=4096, max_memory_mb=8192)


def asking(gb: float | None) -> Manifest:
    return Manifest(name="m", version="1.0.0", output_schema={}, compute_profile=ComputeProfile(actor_memory_gb=gb))


@pytest.mark.parametrize(("gb", "mb"), [(None, 4096), (0.5, 512), (2, 2048), (6.5, 6656), (8, 8192), (0.001, LEAST_MB)])
def test_a_manifest_gets_what_it_asks_for(gb: float | None, mb: int) -> None:
    assert memory_of(asking(gb), LIMITS) == mb


def test_a_manifest_without_a_profile_gets_the_usual() -> None:
    assert memory_of(Manifest(name="m", version="1.0.0", output_schema={}), LIMITS) == 4096


def test_more_than_the_operator_allows_is_refused_with_both_numbers_and_the_setting() -> None:
    with pytest.raises(TooMuchMemory) as refused:
        memory_of(asking(8.01), LIMITS)

    assert refused.value.problem == (
        "manifest.py, compute_profile.actor_memory_gb is 8.01, that is 8202 MB; the operator allows a plugin host 8192 MB."
    )
    assert refused.value.fix == "Ask for up to 8, or have the operator raise OPENPEEK_HOST_MAX_MEMORY_MB."


def test_the_operator_s_maximum_is_a_setting_and_eight_times_the_usual_without_it() -> None:
    assert host_settings(Settings(host_memory_mb=512)).max_memory_mb == 4096
    assert host_settings(Settings(host_memory_mb=512, host_max_memory_mb=600)).max_memory_mb == 600


def test_in_a_local_run_the_author_s_limit_is_the_most() -> None:
    limits = local_host_settings({"MIXPEEK_HOST_MEMORY_MB": "512"})

    with pytest.raises(TooMuchMemory, match="raise MIXPEEK_HOST_MEMORY_MB"):
        memory_of(asking(1), limits)
    assert memory_of(asking(0.25), limits) == 256
    assert memory_of(asking(8), local_host_settings({})) == 8192
