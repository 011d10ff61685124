"""Blobs: files in S3, by bucket and key."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from botocore.exceptions import ClientError

from core.errors import Forbidden, NotFound, StaleRecord, StoreUnavailable
from core.stores.aws import error_code, talking_to

COPIED_AT_ONCE_BYTES = 256 * 1024 * 1024
"""S3 copies some 100 MB a second: more at once would outlast a client's patience."""

COPIERS = 8
CHANGED = {"PreconditionFailed", "412", "InvalidRange", "InvalidArgument"}
"""What S3 says when a file is another one by now; a part that a shorter one lacks is an invalid argument."""

REFUSED = {"AccessDenied", "403"}
MISSING = {"NoSuchKey", "404", "NotFound", "NoSuchBucket"}


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Where a file lies."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        """The `s3://` form."""
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, url: str) -> "BlobRef":
        """The reference that `url` spells.

        Raises:
            ValueError: it is no `s3://bucket/key`.
        """
        bucket, _, key = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not bucket or not key:
            raise ValueError(f"{url!r} is no s3://bucket/key URL")
        return cls(bucket, key)


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What S3 says of a file."""

    size_bytes: int
    etag: str
    content_type: str


class Blobs:
    """S3. Every method raises StoreUnavailable when S3 does not answer, NotFound for a missing file."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def presign_put(self, ref: BlobRef, expires_in_s: int, content_type: str | None = None) -> str:
        """A URL that takes one PUT of this key until it expires."""
        params = {"Bucket": ref.bucket, "Key": ref.key} | ({"ContentType": content_type} if content_type else {})
        return str(self._client.generate_presigned_url("put_object", Params=params, ExpiresIn=expires_in_s))

    def presign_get(self, ref: BlobRef, expires_in_s: int) -> str:
        """A URL that reads this key until it expires."""
        params = {"Bucket": ref.bucket, "Key": ref.key}
        return str(self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=expires_in_s))

    def put(self, ref: BlobRef, data: bytes | IO[bytes], content_type: str = "application/octet-stream") -> None:
        """Write the file, over any that is there."""
        with talking_to("S3"):
            self._client.put_object(Bucket=ref.bucket, Key=ref.key, Body=data, ContentType=content_type)

    def head(self, ref: BlobRef) -> BlobInfo:
        """Size, ETag and content type."""
        with talking_to("S3"), _missing(ref):
            answer = self._client.head_object(Bucket=ref.bucket, Key=ref.key)
        return BlobInfo(answer["ContentLength"], answer["ETag"].strip('"'), answer.get("ContentType", ""))

    def get(self, ref: BlobRef, max_bytes: int | None = None) -> bytes:
        """The file's bytes, or only its first `max_bytes`."""
        part = {"Range": f"bytes=0-{max_bytes - 1}"} if max_bytes else {}
        with talking_to("S3"), _missing(ref):
            body: bytes = self._client.get_object(Bucket=ref.bucket, Key=ref.key, **part)["Body"].read()
        return body

    def read_range(self, ref: BlobRef, start: int, length: int, etag: str) -> bytes:
        """`length` bytes of the file from `start` on.

        Raises:
            StaleRecord: the file is gone, or its ETag is another than `etag`.
        """
        part = f"bytes={start}-{start + length - 1}"
        try:
            with talking_to("S3"):
                answer = self._client.get_object(Bucket=ref.bucket, Key=ref.key, Range=part, IfMatch=f'"{etag}"')
                data: bytes = answer["Body"].read()
        except ClientError as error:
            if error_code(error) in MISSING | {"PreconditionFailed", "412", "InvalidRange"}:
                raise StaleRecord(f"{ref.url} has changed.", "Read it again from its start.") from error
            raise
        if answer["ETag"].strip('"') != etag or len(data) != length:
            raise StaleRecord(f"{ref.url} has changed.", "Read it again from its start.")
        return data

    def chunks(self, ref: BlobRef, chunk_bytes: int = 1024 * 1024) -> Iterator[bytes]:
        """The file's bytes, a piece at a time."""
        with talking_to("S3"), _missing(ref):
            body = self._client.get_object(Bucket=ref.bucket, Key=ref.key)["Body"]
            while chunk := body.read(chunk_bytes):
                yield chunk

    def copy(self, source: BlobRef, target: BlobRef) -> None:
        """Copy within S3."""
        with talking_to("S3"), _missing(source):
            self._client.copy_object(
                CopySource={"Bucket": source.bucket, "Key": source.key}, Bucket=target.bucket, Key=target.key
            )

    def copy_version(self, source: BlobRef, target: BlobRef, info: BlobInfo) -> None:
        """Copy within S3 the very file that `info` tells of; a large one in parts, several at once.

        Raises:
            StaleRecord: another file is there by now.
        """
        asked = {
            "CopySource": {"Bucket": source.bucket, "Key": source.key},
            "CopySourceIfMatch": f'"{info.etag}"',
            "Bucket": target.bucket,
            "Key": target.key,
        }
        try:
            with talking_to("S3"), _missing(source):
                if info.size_bytes <= COPIED_AT_ONCE_BYTES:
                    self._client.copy_object(**asked)
                else:
                    self._copy_parts(asked, info)
        except ClientError as error:
            if error_code(error) in CHANGED:
                raise StaleRecord(f"{source.url} has changed.", "Read it again.") from error
            raise

    def _copy_parts(self, asked: dict[str, Any], info: BlobInfo) -> None:
        place = {"Bucket": asked["Bucket"], "Key": asked["Key"]}
        place["UploadId"] = self._client.create_multipart_upload(**place, ContentType=info.content_type)["UploadId"]

        def part(number: int) -> dict[str, Any]:
            start = (number - 1) * COPIED_AT_ONCE_BYTES
            end = min(start + COPIED_AT_ONCE_BYTES, info.size_bytes) - 1
            answer = self._client.upload_part_copy(
                **asked, UploadId=place["UploadId"], PartNumber=number, CopySourceRange=f"bytes={start}-{end}"
            )
            return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

        try:
            with ThreadPoolExecutor(COPIERS) as pool:
                parts = list(pool.map(part, range(1, -(-info.size_bytes // COPIED_AT_ONCE_BYTES) + 1)))
            self._client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        except BaseException:
            self._client.abort_multipart_upload(**place)
            raise

    def delete(self, ref: BlobRef) -> None:
        """Delete the file, if it is there."""
        with talking_to("S3"):
            self._client.delete_object(Bucket=ref.bucket, Key=ref.key)

    def delete_all(self, bucket: str, prefix: str) -> None:
        """Delete every file under `prefix`, 1,000 a call; each round lists from the start, whatever was there before."""
        while keys := [{"Key": ref.key} for ref in islice(self.each(bucket, prefix), 1000)]:
            with talking_to("S3"):
                answer = self._client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise StoreUnavailable(f"S3 did not delete {first['Key']}: {first['Code']}.", "Try again in a moment.")

    def each(self, bucket: str, prefix: str) -> Iterator[BlobRef]:
        """Every file under `prefix`."""
        return (ref for ref, _ in self.listed(bucket, prefix))

    def listed(self, bucket: str, prefix: str) -> Iterator[tuple[BlobRef, BlobInfo]]:
        """Every file under `prefix` in order of its key, with size and ETag; its content type is not told."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        with talking_to("S3"), _missing(BlobRef(bucket, prefix)):
            for page in pages:
                for item in page.get("Contents", ()):
                    yield BlobRef(bucket, item["Key"]), BlobInfo(item["Size"], item["ETag"].strip('"'), "")


class _missing:
    """Turns S3's many words for a missing file into NotFound, and for one that may not be read into Forbidden."""

    def __init__(self, ref: BlobRef) -> None:
        self._ref = ref

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _tb: object) -> None:
        if isinstance(error, ClientError) and error_code(error) in REFUSED:
            raise Forbidden(
                f"The platform may not read {self._ref.url}.", "Let its role read the bucket, or upload the file."
            ) from error
        if isinstance(error, ClientError) and error_code(error) in MISSING:
            raise NotFound(f"There is no file at {self._ref.url}.", "Upload it first.") from error
