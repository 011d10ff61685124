"""The broker of a local run: the author's own files and variables stand in for the tenant's models and secrets."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from plugin_sdk.host import Broker
from plugin_sdk.models.errors import ModelUnavailable
from plugin_sdk.models.ids import model_key
from plugin_sdk.secrets import SecretMissing

MODELS = "MIXPEEK_MODELS"
SECRET = "MIXPEEK_SECRET_"
ENDINGS = (".safetensors", ".onnx", ".pt", ".zip", ".tar.gz")


def local_broker(plugin: Path, assets: Callable[[str], bytes], environ: Mapping[str, str] | None = None) -> Broker:
    """Models from the folder MIXPEEK_MODELS, else the plugin's tests/models; secrets from MIXPEEK_SECRET_<NAME>."""
    env = os.environ if environ is None else environ
    folder = Path(env[MODELS]) if env.get(MODELS) else plugin / "tests" / "models"

    def model(model_id: str) -> Path:
        name = model_key(model_id)
        files = [folder / f"{name}{ending}" for ending in ENDINGS]
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            raise ModelUnavailable(
                f"There is no model {model_id!r} in {folder}.",
                f"For a local run, put {name}.safetensors (or {', '.join(ENDINGS[1:])}) there, or set {MODELS}.",
            )
        return found

    def secret(name: str) -> str:
        value = env.get(f"{SECRET}{name}", "")
        if not value:
            raise SecretMissing(
                f"The secret {name!r} is not set.", f"For a local run, set {SECRET}{name} in the environment."
            )
        return value

    return Broker(assets, model, secret)
