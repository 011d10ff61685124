"""Import: files of rows in S3 as objects of a bucket. One record and one manifest stand for all of its rows.

The record says what was asked and what came of it. The manifest, a file beside the bucket's others, names the files that
hold the rows: Parquet where it lies, and what was JSON lines or CSV as the Parquet that the import made of it. A pointer
among the bucket's objects is what lists, counts and batches find; what reads files is in `batch/bulk`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import orjson
from pydantic import BaseModel, ConfigDict

from core.blob_input import Files, check_url
from core.bucket_schema import BLOB_TYPES, FILE_TYPES, known_property, properties_of
from core.buckets import Bucket, count, take_room
from core.errors import AlreadyExists, InvalidRequest, NotFound, StaleRecord
from core.ids import ordered_id
from core.noun import Noun
from core.paging import Paging, Selection, Source, listed
from core.row_ids import base_of, import_of
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobInfo, BlobRef
from core.stores.records import Body, Entry
from core.tasks import Task, create_task, update_task
from core.tenancy import Scope
from core.uploads import hold

FORMATS = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
SMALL_BYTES = 8 * 1024 * 1024
"""What is imported while the request waits, where the process that answers can read files of rows."""

SEARCHED = ("import_id", "url", "status", "error")
MAX_FILES = 10_000
TASK_TYPE = "api_buckets_objects_create"
SUFFIXES = ", ".join(FORMATS)


class MappedColumn(BaseModel):
    """A file's column and the property that it fills; `type` is the bucket schema's, "" until the file tells."""

    model_config = ConfigDict(frozen=True)

    property: str
    column: str
    role: Literal["text", "blob", "metadata"]
    type: str = ""


class Import(Noun):
    """An import as stored. `columns` is the mapping as it was checked; before that, as it was asked."""

    import_id: str
    bucket_id: str
    url: str
    format: str | None = None
    columns: list[MappedColumn] = []
    id_column: str | None = None
    delimiter: str = ","
    status: TaskStatus = TaskStatus.PENDING
    rows: int = 0
    files: int = 0
    size_bytes: int = 0
    task_id: str | None = None
    error: str | None = None

    def answer(self) -> Body:
        """What the API shows of it."""
        return self.body() | {"object_count": self.rows}

    @property
    def base(self) -> str:
        """Its place among the bucket's objects."""
        return base_of(self.import_id)

    @property
    def folder(self) -> str:
        """Where its own files lie, below the bucket's."""
        return f"{self.bucket_id}/imports/{self.import_id}"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A Parquet file of an import, as it was when it was read, and the rows of each of its row groups."""

    url: str
    etag: str
    size_bytes: int
    row_groups: tuple[int, ...]


class Rows(Protocol):
    """What reads an import's rows as objects: the process itself, or a serving node that it asks."""

    def objects(self, stores: Stores, scope: Scope, found: Import, start: int, stop: int) -> list[Body]:
        """The rows `start` to before `stop` as bodies of objects."""
        ...


class Bulk(Rows, Protocol):
    """What can import files of rows itself: the gateway on one machine."""

    def run(self, stores: Stores, scope: Scope, bucket: Bucket, asked: Import) -> Import:
        """Read, check and register the import.

        Raises:
            InvalidRequest: a file, its mapping or one of its values can't be used.
        """
        ...


def ask_import(
    stores: Stores, scope: Scope, bucket: Bucket, asked: Mapping[str, Any], bulk: Bulk | None = None
) -> tuple[Import, Task | None]:
    """The import that the request asks for: done already where it is small and `bulk` can, else with the task of its job.

    Raises:
        InvalidRequest: its URL, format or mapping can't be used, or, when done already, what its files hold.
        NotFound: there is no such file.
    """
    wanted = _asked(stores, scope, bucket, asked)
    if bulk is not None and sum(i.size_bytes for _, i in source_files(stores, wanted)) <= SMALL_BYTES:
        return bulk.run(stores, scope, bucket, wanted), None
    task = create_task(stores, scope, TASK_TYPE, [{"bucket_id": bucket.bucket_id, "import_id": wanted.import_id}])
    wanted = wanted.changed(task_id=task.task_id)
    stores.records.create(_entry(scope, wanted))
    job = {"job": "import", "org_id": scope.org_id, "namespace_id": scope.namespace_id}
    about = {"bucket_id": bucket.bucket_id, "import_id": wanted.import_id}
    stores.queues.send(stores.settings.jobs_queue, job | about)
    return wanted, task


def note_import(stores: Stores, scope: Scope, wanted: Import, **fields: Any) -> Import:
    """The import's record with these fields, and its task told."""
    changed = wanted.changed(**fields)
    record = stores.records.update(_key(scope, wanted.bucket_id), wanted.import_id, lambda _: changed.body())
    if record is None:
        raise _gone(wanted)
    if changed.task_id:
        progress = {"import_id": wanted.import_id, "rows": changed.rows, "files": changed.files}
        update_task(
            stores,
            scope.org_id,
            changed.task_id,
            status=changed.status,
            error=changed.error,
            additional_data=progress,
        )
    return changed


def complete_import(stores: Stores, scope: Scope, bucket: Bucket, done: Import, files: Sequence[SourceFile]) -> Import:
    """Make the import's rows objects of the bucket; once, however often it is called.

    Raises:
        QuotaExceeded: the bucket may not hold so many more objects.
        NotFound: the import was deleted meanwhile.
    """
    done = done.changed(status=TaskStatus.COMPLETED)
    pointer = _pointer(scope, done)
    if stores.records.get(pointer.pk, pointer.sk):
        return done
    take_room(stores, scope, bucket.bucket_id, objects=done.rows, size_bytes=done.size_bytes)
    try:
        _put_manifest(stores, scope, done, files)
        _register(stores, scope, done)
    except BaseException as error:
        count(stores, scope, bucket.bucket_id, objects=-done.rows, size_bytes=-done.size_bytes)
        if not isinstance(error, AlreadyExists):
            raise
    return done


def _register(stores: Stores, scope: Scope, done: Import) -> None:
    """Its record and its place among the objects, at once: who sees it completed finds its rows."""
    pointer, entry = _pointer(scope, done), _entry(scope, done)
    while True:
        asked = stores.records.get(entry.pk, entry.sk)
        if asked is None and done.task_id:
            raise _gone(done)
        new, over = ([pointer, entry], []) if asked is None else ([pointer], [(asked, done.body())])
        try:
            return stores.records.create_all(new, over=over)
        except StaleRecord:  # its progress was noted meanwhile, or it was deleted
            continue


def _gone(wanted: Import) -> NotFound:
    return NotFound(f"The import {wanted.import_id} was deleted meanwhile.", "Import the file again.")


def _put_manifest(stores: Stores, scope: Scope, done: Import, files: Sequence[SourceFile]) -> None:
    manifest = {"format": done.format, "columns": [c.model_dump() for c in done.columns]}
    stores.blobs.put(
        _manifest_ref(stores, scope, done),
        orjson.dumps(manifest | {"id_column": done.id_column, "files": [asdict(f) for f in files]}),
        "application/json",
    )


def get_import(stores: Stores, scope: Scope, bucket_id: str, import_id: str) -> Import:
    """The bucket's import of this id.

    Raises:
        NotFound: there is none.
    """
    record = stores.records.get(_key(scope, bucket_id), import_id)
    if record is None:
        raise NotFound(f"There is no import {import_id[:100]!r} in this bucket.", "List its imports to see their ids.")
    return Import.model_validate(record.body)


def list_imports(
    stores: Stores, scope: Scope, bucket_id: str, paging: Paging, selection: Selection
) -> tuple[list[Body], Body]:
    """One page of the bucket's imports as answers, oldest first, and its pagination."""
    source = Source(stores.records, _key(scope, bucket_id))
    return listed(source, paging, selection, lambda r: Import.model_validate(r.body).answer(), SEARCHED)


def each_import(stores: Stores, scope: Scope, bucket_id: str) -> Iterator[Import]:
    """The bucket's imports, oldest first."""
    return (Import.model_validate(r.body) for r in stores.records.each(_key(scope, bucket_id)))


def import_at(stores: Stores, scope: Scope, bucket_id: str, base: str) -> Import | None:
    """The import whose rows are objects from `base` on, if it is there and done."""
    record = stores.records.get(_key(scope, bucket_id), import_of(base))
    found = Import.model_validate(record.body) if record else None
    return found if found and found.status is TaskStatus.COMPLETED else None


def manifest_files(stores: Stores, scope: Scope, found: Import) -> list[SourceFile]:
    """The files that hold the import's rows."""
    manifest = orjson.loads(stores.blobs.get(_manifest_ref(stores, scope, found)))
    return [SourceFile(**{**file, "row_groups": tuple(file["row_groups"])}) for file in manifest["files"]]


def delete_import(stores: Stores, scope: Scope, found: Import) -> None:
    """Delete the import: its rows are no objects any more. Documents that were made of them stay."""
    pointer = _pointer(scope, found)
    listed = stores.records.delete(pointer.pk, pointer.sk)
    stores.records.delete(_key(scope, found.bucket_id), found.import_id)
    stores.blobs.delete_all(stores.settings.object_bucket, f"{scope.prefix}/{found.folder}/")
    if listed:
        count(stores, scope, found.bucket_id, objects=-found.rows, size_bytes=-found.size_bytes)


def source_files(stores: Stores, wanted: Import) -> list[tuple[BlobRef, BlobInfo]]:
    """The files that an import is of, in order of their names.

    Raises:
        InvalidRequest: a file is of no known format, there are several formats, none, or too many files.
        NotFound: there is no such file.
    """
    ref = BlobRef.parse(wanted.url)
    if not ref.key.endswith("/"):
        return [(ref, stores.blobs.head(ref))]
    found = []
    for file, info in stores.blobs.listed(ref.bucket, ref.key):
        if info.size_bytes == 0 or any(p[:1] in ("_", ".") for p in file.key[len(ref.key) :].split("/")):
            continue  # what tools put beside data: _SUCCESS, .crc, empty markers of folders
        found.append((file, info))
        if len(found) > MAX_FILES:
            raise InvalidRequest(f"{wanted.url} holds over {MAX_FILES} files.", "Import its folders one by one.", "url")
    if not found:
        raise InvalidRequest(f"There are no files under {wanted.url}.", "Put the files there first.", "url")
    kinds = {wanted.format or format_of(file.key, file.url) for file, _ in found}
    if len(kinds) > 1:
        raise InvalidRequest(
            f"{wanted.url} holds files of several formats: {', '.join(sorted(kinds))}.",
            "Import each format from a folder of its own.",
            "url",
        )
    return found


def format_of(name: str, url: str) -> str:
    """The format that a file's name tells.

    Raises:
        InvalidRequest: it tells none.
    """
    plain = name.lower().removesuffix(".gz")
    for suffix, kind in FORMATS.items():
        if plain.endswith(suffix):
            return kind
    raise InvalidRequest(
        f"{url} does not say what it holds: its name ends in none of {SUFFIXES}.",
        'Send "format": "parquet", "jsonl" or "csv".',
        "format",
    )


def _asked(stores: Stores, scope: Scope, bucket: Bucket, asked: Mapping[str, Any]) -> Import:
    url = _url(stores, scope, bucket, asked)
    kind = asked.get("format") or (None if url.endswith("/") else format_of(url, url))
    delimiter = str(asked.get("delimiter") or ",")
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise InvalidRequest(f"delimiter is {delimiter!r}.", "Send one character, such as ';' or a tab.", "delimiter")
    return Import(
        import_id=ordered_id("imp"),
        bucket_id=bucket.bucket_id,
        url=url,
        format=kind,
        columns=_mapping(bucket, asked),
        id_column=asked.get("id_column"),
        delimiter=delimiter,
    )


def _url(stores: Stores, scope: Scope, bucket: Bucket, asked: Mapping[str, Any]) -> str:
    """The file's or folder's URL, once the tenant may name it."""
    url, upload_id = asked.get("url"), asked.get("upload_id")
    if (url is None) == (upload_id is None):
        raise InvalidRequest(
            f"The import has {'neither url nor' if url is None else 'both url and'} upload_id.",
            "Give the s3:// URL of a file or folder, or the id of an upload.",
            "url",
        )
    if upload_id is not None:
        upload = hold(stores, scope, bucket.bucket_id, str(upload_id))
        return BlobRef(stores.settings.object_bucket, upload.s3_key).url
    settings = stores.settings
    data_bucket = settings.data_uri.removeprefix("s3://").partition("/")[0]
    forbidden = frozenset({settings.object_bucket, settings.plugin_bucket, data_bucket})
    check_url(str(url), Files(settings.object_bucket, scope.prefix, "", forbidden), "url")
    try:
        return BlobRef.parse(str(url)).url
    except ValueError as error:
        raise InvalidRequest(
            f"url is {str(url)[:200]!r}.",
            "Rows are read from S3: send s3://bucket/file, or s3://bucket/folder/.",
            "url",
        ) from error


def _mapping(bucket: Bucket, asked: Mapping[str, Any]) -> list[MappedColumn]:
    """The mapping as far as the bucket's schema can judge it; without one, it is empty and the columns' names decide."""
    properties = properties_of(bucket.bucket_schema)
    columns: dict[str, MappedColumn] = {}
    for role, field in (("text", "text_columns"), ("blob", "blob_columns"), ("metadata", "metadata_columns")):
        given = asked.get(field) or {}
        for name, column in given.items() if isinstance(given, Mapping) else ((c, c) for c in given):
            where = f"{field}.{name}"
            if name in columns:
                raise InvalidRequest(f"{where}: the property {name!r} is mapped twice.", "Map it once.", where)
            kind = _property_type(bucket, properties, name, role, where)
            columns[name] = MappedColumn(property=name, column=column, role=role, type=kind)
    return list(columns.values())


def _property_type(bucket: Bucket, properties: Mapping[str, Any], name: str, role: str, where: str) -> str:
    """The bucket's type of a mapped property, once it can take what the mapping gives it."""
    if bucket.bucket_schema is None:
        if role == "blob":
            raise InvalidRequest(
                f"{where}: the bucket has no schema that says what kind of file {name!r} is.",
                "Give the bucket a schema with this property: image, audio, video, pdf, excel or text.",
                where,
            )
        return "text" if role == "text" else ""
    if name not in properties and role == "metadata":
        return ""
    described = known_property(bucket.bucket_schema, name, where, "map it in metadata_columns") or {}
    kind = str(described["type"])
    takes = {"text": {"text", "string"}, "blob": BLOB_TYPES, "metadata": {kind} - FILE_TYPES}[role]
    if kind not in takes:
        fitting = "blob_columns" if kind in FILE_TYPES else "metadata_columns" if role == "text" else "text_columns"
        raise InvalidRequest(
            f"{where}: the bucket's schema says that {name!r} is of type {kind!r}.", f"Map it in {fitting}.", where
        )
    return kind


def _key(scope: Scope, bucket_id: str) -> str:
    return scope.key("import", bucket_id)


def _entry(scope: Scope, wanted: Import) -> Entry:
    return Entry(_key(scope, wanted.bucket_id), wanted.import_id, wanted.body())


def _pointer(scope: Scope, done: Import) -> Entry:
    """What stands among the bucket's objects for all rows of the import."""
    body = {"object_id": done.base, "bucket_id": done.bucket_id, "import_id": done.import_id, "rows": done.rows}
    return Entry(scope.key("object", done.bucket_id), done.base, body)


def _manifest_ref(stores: Stores, scope: Scope, found: Import) -> BlobRef:
    return BlobRef(stores.settings.object_bucket, f"{scope.prefix}/{found.folder}/manifest.json")
