"""The emulator's whole environment, built from nothing: whatever is in it reaches every Lambda that it runs."""

import os
from pathlib import Path

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def emulator_environment(state_dir: Path, port: int, log_level: str = "INFO") -> dict[str, str]:
    """Variables for one emulator that keeps its state, its files and its temporary files under `state_dir`."""
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return inherited | {
        "GATEWAY_PORT": str(port),
        "HOME": str(state_dir),
        "TMPDIR": str(state_dir / "tmp"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state_dir / "state"),
        "S3_PERSIST": "1",  # bodies are written through as they come
        "S3_DATA_DIR": str(state_dir / "s3"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{state_dir}/no-docker",  # else it stops containers that are not ours
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_ACCOUNT_CONCURRENCY": "8",
        "LAMBDA_STATE_TRANSITION_SECONDS": "0",
        "MINISTACK_WORKER_THREADS": "16",
        "LOG_LEVEL": log_level,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONUNBUFFERED": "1",
    }
