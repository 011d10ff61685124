"""A local run's broker: the author's own files and variables, named as the platform names models and secrets."""

import pytest

from plugin_sdk.local_broker import local_broker
from plugin_sdk.models import ModelUnavailable
from plugin_sdk.secrets import SecretMissing


def no_assets(url: str) -> bytes:
    raise FileNotFoundError(url)


@pytest.mark.parametrize("name", ["weights_1_0_0", "weights@v1", "mixpeek://models/weights_1_0_0"])
def test_a_model_is_a_file_of_the_plugin_s_tests(tmp_path, name):
    file = tmp_path / "tests/models/weights_1_0_0.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()

    assert local_broker(tmp_path, no_assets, {}).models(name) == file


def test_models_may_lie_in_a_folder_of_their_own_and_nowhere_else(tmp_path):
    (tmp_path / "a_1_0_0.pt").touch()
    broker = local_broker(tmp_path / "plugin", no_assets, {"MIXPEEK_MODELS": str(tmp_path)})

    assert broker.models("a_1_0_0") == tmp_path / "a_1_0_0.pt"
    for name in ("../a_1_0_0", "b", ""):
        with pytest.raises(ModelUnavailable, match="There is no model") as raised:
            broker.models(name)
        assert "MIXPEEK_MODELS" in raised.value.fix


def test_only_variables_that_are_meant_for_plugins_are_secrets(tmp_path):
    env = {"MIXPEEK_SECRET_TOKEN": "t", "MIXPEEK_API_KEY": "sk", "TOKEN_2": "x"}
    broker = local_broker(tmp_path, no_assets, env)

    assert broker.secrets("TOKEN") == "t"
    for name in ("MIXPEEK_API_KEY", "TOKEN_2", "API_KEY", ""):
        with pytest.raises(SecretMissing, match="is not set") as raised:
            broker.secrets(name)
        assert f"MIXPEEK_SECRET_{name}" in raised.value.fix
