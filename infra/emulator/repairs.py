"""What is changed in MiniStack's own process: each change, and what it does without."""

import mmap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.emulator.queries import Items, with_short_cut
from infra.emulator.saving import save_all
from infra.emulator.waking import Waking

Properties = dict[str, Any]
Provisioned = tuple[str, Properties]
Provisioner = Callable[[str, Properties, str], Provisioned]

SILENT_WAIT_S = 0.002
POLL_S = 0.05


def repair() -> None:
    """Apply every change; called before the first request."""
    wait_less_for_silent_lambdas()
    poll_queues_often()
    answer_long_polls_at_once()
    keep_data_on_stack_update()
    answer_plain_queries_quickly()
    read_ranges_of_files()
    save_quickly_at_the_end()


def wait_less_for_silent_lambdas() -> None:
    """It waits 50 ms after each call of a Lambda that logs nothing: half of a call's p50 of 58 ms and more."""
    from ministack.core.lambda_runtime import Worker

    drain: Any = Worker._drain_stderr_bounded
    drain.__defaults__ = (SILENT_WAIT_S, SILENT_WAIT_S, 0.25)


def poll_queues_often() -> None:
    """Its event source poller sleeps a second when it finds no message, so a scan would start up to a second late."""
    from ministack.services import lambda_svc

    lambda_svc._poll_sqs = patient(lambda_svc._poll_sqs)


def answer_long_polls_at_once() -> None:
    """Its ReceiveMessage looks for messages ten times a second while it waits: a job lies there for 50 ms."""
    from ministack.services import sqs

    waking = Waking()
    sqs.asyncio = waking.module()
    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = waking.after(sqs._act_send_message)


def patient(poll: Callable[[], bool], for_s: float = 1.0) -> Callable[[], bool]:
    """`poll`, tried every `POLL_S` until it found something or `for_s` is over."""

    def poll_until() -> bool:
        deadline = time.monotonic() + for_s
        while not poll():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    return poll_until


def keep_data_on_stack_update() -> None:
    """Its CloudFormation answers a changed property of a table or a queue with a new, empty one of the same name."""
    from ministack.services import dynamodb, sqs
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS
    for kind, store, contents in (
        ("AWS::DynamoDB::Table", dynamodb._tables, "items"),
        ("AWS::SQS::Queue", sqs._queues, "messages"),
    ):
        handlers[kind]["update"] = keeping(handlers[kind]["create"], store, contents)


def keeping(create: Provisioner, store: Any, contents: str) -> Callable[..., Provisioned]:
    """An update that makes the resource anew, as MiniStack does, and puts its `contents` back."""

    def update(physical_id: str, _old: Properties, new: Properties, stack: str) -> Provisioned:
        before = store.get(physical_id)
        made = create(physical_id, new, stack)
        if before is not None:
            store[made[0]][contents] = before[contents]
        return made

    return update


def answer_plain_queries_quickly() -> None:
    """Its Query takes 60 ms a page in a partition of 10,000 items, whatever the page's size; see `queries`."""
    from ministack.services import dynamodb

    dynamodb.defaultdict = Items
    dynamodb._query = with_short_cut(dynamodb._query, dynamodb._tables, dynamodb.json_response)


def read_ranges_of_files() -> None:
    """It reads a stored file whole for every range of it that is asked for: 20 ms for a range of 50 MB."""
    from ministack.services import s3

    s3._get_object = mapping(s3._get_object, s3)


def mapping(get_object: Callable[..., Any], s3: Any) -> Callable[..., Any]:
    """`get_object`, which sees the file as memory for as long as it answers a request for a range."""
    read_body, asked = s3._read_body, threading.local()

    def read(bucket: str, key: str, obj: dict[str, Any]) -> Any:
        path = s3._object_disk_path(bucket, key) if getattr(asked, "range", False) else None
        if path is None or obj.get("body") is not None or not obj.get("size"):
            return read_body(bucket, key, obj)
        with Path(path).open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def get(bucket: str, key: str, headers: dict[str, str], query_params: Any = None) -> Any:
        asked.range = bool(headers.get("range"))
        try:
            return get_object(bucket, key, headers, query_params)
        finally:
            asked.range = False

    s3._read_body = read
    return get


def save_quickly_at_the_end() -> None:
    """It copies all of its tables and encodes them in Python when it ends: 3 s at 50,000 records, and it may be killed."""
    from ministack import app

    app.save_all = save_all
