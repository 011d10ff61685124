"""Queues: jobs in SQS, delivered at least once; a job not deleted comes back when its visibility ends."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from core.stores.aws import talking_to


@dataclass(frozen=True, slots=True)
class Message:
    """A job as received; `receipt` is what deletes or extends this delivery."""

    queue: str
    body: dict[str, Any]
    receipt: str
    receive_count: int


class Queues:
    """SQS. Every method raises StoreUnavailable when SQS does not answer."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._url = cache(self._find_url)

    def send(self, queue: str, body: dict[str, Any], delay_s: int = 0) -> None:
        """Put a job on the queue, visible after `delay_s`."""
        with talking_to("SQS"):
            self._client.send_message(
                QueueUrl=self._url(queue), MessageBody=orjson.dumps(body).decode(), DelaySeconds=delay_s
            )

    def length(self, queue: str) -> int:
        """About how many jobs wait."""
        with talking_to("SQS"):
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url(queue), AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def held(self, queue: str) -> int:
        """About how many jobs there are in all: those that wait, are worked on, or are delayed."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        with talking_to("SQS"):
            answer = self._client.get_queue_attributes(QueueUrl=self._url(queue), AttributeNames=names)
        return sum(int(answer["Attributes"].get(name, 0)) for name in names)

    def receive(self, queue: str, *, wait_s: int = 10, visible_after_s: int = 60, limit: int = 1) -> list[Message]:
        """Up to `limit` jobs, waiting for the first; each is hidden from others for `visible_after_s`."""
        with talking_to("SQS"):
            answer = self._client.receive_message(
                QueueUrl=self._url(queue),
                MaxNumberOfMessages=limit,
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=visible_after_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [
            Message(
                queue,
                orjson.loads(m["Body"]),
                m["ReceiptHandle"],
                int(m.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for m in answer.get("Messages", ())
        ]

    def extend(self, message: Message, visible_after_s: int) -> None:
        """Keep the job hidden for that long from now: the worker's heartbeat; 0 gives it back at once."""
        with talking_to("SQS"):
            self._client.change_message_visibility(
                QueueUrl=self._url(message.queue), ReceiptHandle=message.receipt, VisibilityTimeout=visible_after_s
            )

    def delete(self, message: Message) -> None:
        """The job is done."""
        with talking_to("SQS"):
            self._client.delete_message(QueueUrl=self._url(message.queue), ReceiptHandle=message.receipt)

    def _find_url(self, queue: str) -> str:
        with talking_to("SQS"):
            return str(self._client.get_queue_url(QueueName=queue)["QueueUrl"])
