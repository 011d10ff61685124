"""Settings: typed, read once at an entry point from OPENPEEK_* variables, passed down."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

PREFIX = "OPENPEEK_"


class Settings(BaseModel):
    """Where things are and how long they may take; every field is the variable OPENPEEK_<NAME>."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    aws_endpoint_url: str | None = None
    """Address of the local emulator; None speaks to AWS itself."""

    aws_region: str = "us-east-1"
    """Region of every client."""

    table_name: str = "openpeek"
    """DynamoDB table of all records."""

    plugin_bucket: str = "openpeek-plugins"
    """S3 bucket of plugin archives; PUTs land under uploads/."""

    object_bucket: str = "openpeek-objects"
    """S3 bucket of uploaded files."""

    jobs_queue: str = "openpeek-jobs"
    """SQS queue from which the batch service takes its jobs."""

    uploads_queue: str = "openpeek-uploads"
    """SQS queue of the events that tell of uploaded files, and of the messages that gather them into batches."""

    secrets_key: str = "alias/openpeek-secrets"
    """KMS key that wraps the data keys of secrets: its alias, id or ARN."""

    data_uri: str = ".openpeek/data"
    """Root of the Lance datasets: a folder, or s3://bucket/prefix."""

    model_cache: Path | None = None
    """Hugging Face cache (HF_HOME) that plugins may read; None gives them no models."""

    inspect_function: str | None = None
    """Name of the Lambda that runs manifests; None uses a plugin host on this machine."""

    serving_url: str = "http://127.0.0.1:8000"
    """Address of the serving nodes' load balancer: inference, documents and search."""

    scan_wait_s: PositiveFloat = 2.0
    """Seconds that confirm waits for the scan event before it scans in line."""

    dask_address: str | None = None
    """Dask scheduler to use; None starts a cluster of processes on this machine."""

    workers: PositiveInt = 2
    """Worker processes of that cluster."""

    gpus: NonNegativeInt | None = None
    """GPUs of this machine that get a worker each, besides; None: all that nvidia-smi lists."""

    gpu_memory_mb: PositiveInt | None = None
    """Memory of each GPU that plugin hosts share, batch and realtime together; None: nearly all that it has."""

    gpu_host_memory_mb: PositiveInt = 4096
    """GPU memory of a plugin host whose manifest asks for none in compute_profile's gpu_memory_gb."""

    gpu_wait_s: PositiveFloat = 120.0
    """Seconds that a plugin host waits for GPU memory that others hold."""

    running_batches: PositiveInt = 8
    """Large batches that one organization runs at once, and as many small ones beside them; others wait."""

    partition_rows: PositiveInt | None = None
    """Rows of every partition; None measures: half a second of work to two in each."""

    tend_after_s: NonNegativeFloat = 5.0
    """Seconds that a collection rests after a batch before it is compacted and indexed in the background."""

    version_grace_s: PositiveFloat = 600.0
    """Seconds that a replaced version of a collection's dataset stays on disk: longer than any read takes."""

    step_timeout_s: PositiveFloat = 600.0
    """Seconds that one step may take over one batch of rows."""

    inference_timeout_s: PositiveFloat = 60.0
    """Seconds that one realtime request may take."""

    replicas: PositiveInt = 1
    """Plugin hosts that answer for one deployment on one serving node."""

    host_memory_mb: PositiveInt = 4096
    """Memory that one plugin host may hold whose manifest asks for none in compute_profile's actor_memory_gb."""

    host_max_memory_mb: PositiveInt | None = None
    """The most that a manifest may ask for; None: eight times what the others may hold."""

    host_allow_missing: str = ""
    """Walls around plugin hosts that the kernel may lack, comma-separated: namespaces, landlock, seccomp, uid."""

    host_cgroup: str = ""
    """A cgroup v2 folder in which each plugin host gets a group with a memory limit; empty: the worker's own, if it can."""

    max_namespaces: PositiveInt = 1_000
    """Namespaces of one organization."""

    max_plugins: PositiveInt = 200
    """Plugins of one namespace, and of one organization besides."""

    max_models: PositiveInt = 200
    """Models of one namespace, and of one organization besides."""

    max_buckets: PositiveInt = 1_000
    """Buckets of one namespace."""

    max_objects: PositiveInt = 100_000_000
    """Objects of one bucket."""

    max_collections: PositiveInt = 1_000
    """Collections of one namespace."""

    max_retrievers: PositiveInt = 1_000
    """Retrievers of one namespace."""

    max_secrets: PositiveInt = 1_000
    """Secrets of one organization."""

    max_api_keys: PositiveInt = 1_000
    """Active API keys of one user."""

    @model_validator(mode="before")
    @classmethod
    def _with_environment(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """What is not given comes from the environment. pydantic-settings does so too, and is half of a cold import."""
        variables = ((name, os.environ.get(f"{PREFIX}{name.upper()}")) for name in cls.model_fields)
        return {name: value for name, value in variables if value is not None} | dict(given)
