"""Limits and model cache of a local run come from the environment, or a word on what is wrong with it."""

from pathlib import Path

import pytest

from plugin_sdk.host import HostFailed, HostSettings
from plugin_sdk.host.missing import UnknownWall, check_accepted
from plugin_sdk.local_host import BadSetting, local_host_settings


def test_limits_come_from_the_environment(tmp_path):
    env = {
        "MIXPEEK_HOST_TIMEOUT_S": "2.5",
        "MIXPEEK_HOST_MEMORY_MB": "512",
        "MIXPEEK_HOST_SCRATCH_MB": "64",
        "HF_HOME": str(tmp_path),
    }

    settings = local_host_settings(env)

    assert (settings.call_timeout_s, settings.memory_mb, settings.scratch_mb) == (2.5, 512, 64)
    assert settings.model_cache == tmp_path


def test_without_limits_the_defaults_hold(tmp_path):
    settings, defaults = local_host_settings({"OPENPEEK_HOME": str(tmp_path)}), HostSettings()

    assert (settings.memory_mb, settings.call_timeout_s) == (defaults.memory_mb, defaults.call_timeout_s)
    assert settings.model_cache is None
    assert settings.env["HF_HUB_OFFLINE"] == "1"


def test_walls_that_may_be_missing_are_named_one_by_one():
    assert local_host_settings({"MIXPEEK_HOST_ALLOW_MISSING": "landlock, seccomp"}).allow_missing == {
        "landlock",
        "seccomp",
    }
    assert local_host_settings({}).allow_missing == frozenset()
    with pytest.raises(UnknownWall, match="MIXPEEK_HOST_ALLOW_MISSING names the wall 'landlok'"):
        local_host_settings({"MIXPEEK_HOST_ALLOW_MISSING": "landlok"})


def test_a_missing_wall_is_refused_with_what_helps_and_the_setting_that_accepts_it():
    missing = {"seccomp": "Unable to find libseccomp", "landlock": "Function not implemented"}

    with pytest.raises(HostFailed) as failed:
        check_accepted(missing, frozenset({"landlock"}))

    assert failed.value.reason == "walls missing: seccomp"
    assert "seccomp (Unable to find libseccomp)" in failed.value.problem
    assert "apt-get install libseccomp2" in failed.value.fix
    assert "MIXPEEK_HOST_ALLOW_MISSING=landlock,seccomp " in failed.value.fix
    check_accepted(missing, frozenset(missing))


def test_platforms_own_models_are_used_when_there(tmp_path):
    (tmp_path / "models").mkdir()

    assert local_host_settings({"OPENPEEK_HOME": str(tmp_path)}).model_cache == Path(tmp_path / "models")


@pytest.mark.parametrize("value", ["much", "0", "-1", "nan", "0.5"])
def test_wrong_limit_is_named(value):
    with pytest.raises(BadSetting, match="MIXPEEK_HOST_MEMORY_MB"):
        local_host_settings({"MIXPEEK_HOST_MEMORY_MB": value})
