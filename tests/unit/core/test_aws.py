"""AWS clients: what botocore reads to make one is read once a process, and not at all where it was preloaded."""

import pytest
from botocore.loaders import JSONFileLoader

from core.settings import Settings
from core.stores import aws
from core.stores.aws import client, preload

SETTINGS = Settings(aws_endpoint_url="http://127.0.0.1:1")


@pytest.fixture(autouse=True)
def files_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Descriptions that were read from files since the test began."""
    read: list[str] = []
    load = JSONFileLoader.load_file

    def noted(self: JSONFileLoader, path: str) -> object:
        found = load(self, path)
        if found is not None:
            read.append(path)
        return found

    monkeypatch.setattr(JSONFileLoader, "load_file", noted)
    aws._loader.cache_clear()
    return read


def test_a_second_client_reads_nothing_that_the_first_has_read(files_read: list[str]) -> None:
    first = client("s3", SETTINGS)
    assert files_read
    files_read.clear()

    second = client("s3", SETTINGS)

    assert files_read == []
    assert second.meta.endpoint_url == first.meta.endpoint_url
    assert second.meta.events is not first.meta.events


@pytest.mark.parametrize("service", ["s3", "dynamodb", "sqs"])
def test_clients_of_preloaded_services_read_nothing(files_read: list[str], service: str) -> None:
    preload("s3", "dynamodb", "sqs")
    files_read.clear()

    assert client(service, SETTINGS).meta.service_model.service_name == service

    assert files_read == []
