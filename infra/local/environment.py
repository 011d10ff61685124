"""What the platform's processes find in their environment: an allow-list, and the settings as OPENPEEK_* variables."""

import os
from collections.abc import Mapping

from core.settings import Settings
from infra.local.home import Home

PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "CUDA_VISIBLE_DEVICES",
    "HF_ENDPOINT",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
)
OURS = ("OPENPEEK_", "MIXPEEK_HOST_", "MIXPEEK_NETWORK_")
MEMORY = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Freed memory goes back to the system: glibc would keep some for each thread, and Arrow in a pool of its own."""

GATEWAY_PORT = 8000
EMULATOR_PORT = 4566


def base_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What of the caller's environment the platform may see: no credentials, no proxy, no Python options."""
    return {k: v for k, v in environment.items() if k in PASSED_ON or k.startswith(OURS)}


def service_environment(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of the gateway and the batch service."""
    values = {f"OPENPEEK_{k.upper()}": str(v) for k, v in settings.model_dump().items() if v is not None}
    return base_environment(environment) | MEMORY | values


def local_settings(home: Home, gateway_port: int, emulator_port: int) -> Settings:
    """Settings of the platform under `home`; what OPENPEEK_* variables say of anything else is kept."""
    given = Settings()
    kept = given.model_dump(include=given.model_fields_set)
    local = {
        "aws_endpoint_url": f"http://127.0.0.1:{emulator_port}",
        "serving_url": f"http://127.0.0.1:{gateway_port}",
        "data_uri": kept.get("data_uri", str(home.data)),
        "model_cache": kept.get("model_cache", home.models),
    }
    return Settings.model_validate(kept | local)
