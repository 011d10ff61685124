"""AWS clients, opened one way, and their failures told as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError
from botocore.loaders import Loader
from botocore.session import Session

from core.errors import StoreUnavailable
from core.settings import Settings
from core.stores.parsing import parse_reads

# Signature V4 by name, else an emulator does not enforce the expiry of presigned URLs.
CONFIG = Config(
    signature_version="v4",
    connect_timeout=2,
    read_timeout=20,
    max_pool_connections=64,
    retries={"mode": "standard", "total_max_attempts": 4},
    parameter_validation=False,
)
S3_CONFIG = CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "path"}))


def client(service: str, settings: Settings) -> Any:
    """A client of `service`, on the emulator where one is set; credentials come from the environment.

    It is botocore's: boto3 adds transfers to it, which nobody here uses and which take longer to import than the rest.
    """
    session = Session()
    session.register_component("data_loader", _loader())
    local = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} if settings.aws_endpoint_url else {}
    made = session.create_client(
        service,
        endpoint_url=settings.aws_endpoint_url,
        region_name=settings.aws_region,
        config=S3_CONFIG if service == "s3" else CONFIG,
        **local,
    )
    if service == "dynamodb":
        parse_reads(made)
    return made


@cache
def _loader() -> Loader:
    """What reads botocore's descriptions of the services and keeps them: 10 MB a client if each had its own."""
    loader: Loader = Session().get_component("data_loader")
    return loader


def preload(*services: str) -> None:
    """Read what clients of these services need, so that processes that are forked from this one share it."""
    for service in services:
        for kind in ("service-2", "endpoint-rule-set-1"):
            _loader().load_service_model(service, kind)
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        _loader().load_data(name)


def error_code(error: ClientError) -> str:
    """The AWS error code, e.g. `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def talking_to(service: str) -> Iterator[None]:
    """Turn a lost connection or a 5xx of `service` into StoreUnavailable; other errors pass."""
    try:
        yield
    except (EndpointConnectionError, HTTPClientError) as error:
        raise StoreUnavailable(
            f"{service} does not answer: {error}.",
            "Run 'mixpeek status', then 'mixpeek up' to start what is down.",
        ) from error
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500:
            raise StoreUnavailable(f"{service} failed: {error}.", "Try again in a moment.") from error
        raise
