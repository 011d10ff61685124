"""Files that are PUT become objects and batches by the deployed functions alone, whatever their number."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from core.batches import list_batches, object_ids
from core.buckets import Bucket, counts_of, create_bucket
from core.collections import create_collection
from core.settings import Settings
from core.status import TaskStatus
from core.stores import Stores
from core.stores.aws import client
from core.tenancy import Scope
from core.uploads import create_uploads
from infra.emulator import Emulator
from infra.emulator.stack import deploy
from tests.unit.core.samples import published

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SCOPE = Scope("org_burst", "ns_burst")
BURST = 1000
PUTS_AT_ONCE = 16


@pytest.fixture(scope="module")
def stores(emulator: Emulator) -> Stores:
    """The whole stack."""
    settings = Settings(
        aws_endpoint_url=emulator.endpoint_url,
        table_name="burst-table",
        plugin_bucket="burst-plugins",
        object_bucket="burst-objects",
        jobs_queue="burst-jobs",
        uploads_queue="burst-uploads",
    )
    deploy(settings, "burst")
    return Stores.open(settings)


@pytest.fixture
def bucket(stores: Stores) -> Bucket:
    """A bucket that is processed on upload and feeds one collection."""
    published(stores, SCOPE)
    schema = {"properties": {"text": {"type": "text"}}}
    made = create_bucket(stores, SCOPE, "prose", bucket_schema=schema, process_on_upload=True)
    extractor = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}
    create_collection(stores, SCOPE, "prose", {"type": "bucket", "bucket_ids": [made.bucket_id]}, extractor)
    return made


async def put_all(urls: list[str]) -> None:
    """PUT a file of its own to each URL, as many clients at once would."""
    slots = asyncio.Semaphore(PUTS_AT_ONCE)

    async def put(number: int, url: str) -> None:
        async with slots:
            answer = await session.put(url, content=f"text number {number}".encode())
            assert answer.status_code == 200, answer.text

    async with httpx.AsyncClient(timeout=60) as session:
        await asyncio.gather(*(put(number, url) for number, url in enumerate(urls)))


def uploads(stores: Stores, bucket: Bucket, number: int) -> Iterator[str]:
    """Presigned URLs, asked for a hundred at a time."""
    for first in range(0, number, 100):
        asked = [{"filename": f"{n}.txt", "content_type": "text/plain"} for n in range(first, min(first + 100, number))]
        yield from (str(url) for _, url in create_uploads(stores, SCOPE, bucket, asked))


def test_burst_of_a_thousand_files_makes_a_few_batches(stores, bucket):
    started = time.monotonic()
    asyncio.run(put_all(list(uploads(stores, bucket, BURST))))

    deadline = started + 300
    processed: list[str] = []
    while len(processed) < BURST:
        assert time.monotonic() < deadline, f"{len(processed)} of {BURST} are in batches"
        time.sleep(0.5)
        batches = list_batches(stores, SCOPE, bucket.bucket_id)
        processed = [i for b in batches for ids in object_ids(stores, SCOPE, b.batch_id) for i in ids]

    assert len(set(processed)) == BURST
    assert len(batches) <= 5
    assert {b.status for b in batches} == {TaskStatus.PENDING}
    assert counts_of(stores, SCOPE, bucket.bucket_id).objects == BURST
    assert stores.queues.held(stores.settings.jobs_queue) == len(batches)


def test_janitor_answers_with_what_there_was_to_do(stores):
    answer = client("lambda", stores.settings).invoke(FunctionName="burst-janitor", Payload=b"{}")

    assert "FunctionError" not in answer, answer["Payload"].read()
    assert b'"uploads_expired": 0' in answer["Payload"].read()
