"""Imports: files of rows become objects of a bucket, or the error says file, line, column, value and what to do."""

import csv
import datetime
import gzip
import io
import re
from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.bulk import importing, tables
from batch.bulk.importing import finish_import
from batch.bulk.local import LocalBulk
from core import imports as core_imports
from core.batches import create_batch
from core.buckets import Bucket, counts_of, create_bucket
from core.errors import Conflict, InvalidRequest, NotFound
from core.imports import Import, ask_import, delete_import, each_import, get_import
from core.objects import create_objects, delete_object, get_object, list_objects
from core.paging import Paging, Selection
from core.row_ids import own_id, own_id_seed, row_id
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.tasks import get_task
from core.tenancy import Scope

SCHEMA = {
    "properties": {
        "text": {"type": "text"},
        "image": {"type": "image"},
        "year": {"type": "integer"},
        "price": {"type": "number"},
        "fresh": {"type": "boolean"},
        "day": {"type": "date"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
}
BULK = LocalBulk()


class World:
    """A tenant with a bucket, and files of rows in the object bucket under its prefix."""

    def __init__(self, stores: Stores) -> None:
        self.stores, self.scope = stores, Scope("org_1", "ns_1")
        self.bucket: Bucket = create_bucket(stores, self.scope, "rows", bucket_schema=SCHEMA)

    def file(self, name: str, data: bytes | pa.Table) -> str:
        """The file's URL."""
        if isinstance(data, pa.Table):
            out = io.BytesIO()
            pq.write_table(data, out, row_group_size=4)
            data = out.getvalue()
        ref = BlobRef(self.stores.settings.object_bucket, f"{self.scope.prefix}/{name}")
        self.stores.blobs.put(ref, data)
        return ref.url

    def ask(self, url: str, **asked: Any) -> Import:
        """The import, done at once."""
        made, task = ask_import(self.stores, self.scope, self.bucket, {"url": url, **asked}, BULK)
        assert task is None
        return made

    def refused(self, name: str, data: bytes | pa.Table, **asked: Any) -> str:
        """What is said to a file that can't be imported; nothing of it is left."""
        with pytest.raises(InvalidRequest) as error:
            self.ask(self.file(name, data), **asked)
        assert list(each_import(self.stores, self.scope, self.bucket.bucket_id)) == []
        assert counts_of(self.stores, self.scope, self.bucket.bucket_id).objects == 0
        assert error.value.fix
        return error.value.problem

    def listed(self, limit: int = 100, **selection: Any) -> list[dict[str, Any]]:
        """All objects, page by page."""
        found, cursor = [], None
        while True:
            page, pagination = list_objects(
                self.stores, self.scope, self.bucket, Paging(limit, 0, cursor), Selection.parse(**selection), BULK
            )
            found += page
            cursor = pagination["next_cursor"]
            if cursor is None:
                return found


@pytest.fixture
def world(moto_stores: Stores) -> World:
    return World(moto_stores)


def lines(*rows: Mapping[str, Any]) -> bytes:
    return b"\n".join(map(orjson.dumps, rows))


ROWS = [{"text": "one", "year": 1, "x": 0}, {"text": "two", "year": 2}, {"text": "three", "year": None}]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rows.parquet", pa.table({"text": ["one", "two", "three"], "year": [1, 2, None], "x": ["", "", ""]})),
        ("rows.jsonl", lines(*ROWS)),
        ("rows.ndjson.gz", gzip.compress(lines(*ROWS), mtime=0)),
        ("rows.csv", b'x,text,year\n1,one,1\n2,"two",2\n3,three,\n'),
        ("rows.csv.gz", gzip.compress(b"x,text,year\r\n1,one,1\r\n2,two,2\r\n3,three,\r\n", mtime=0)),
    ],
)
def test_every_format_gives_the_same_objects(world: World, name: str, data: bytes | pa.Table) -> None:
    made = world.ask(world.file(name, data))

    found = world.listed()
    assert (made.status, made.rows, made.files) == (TaskStatus.COMPLETED, 3, 1)
    assert [o["object_id"] for o in found] == [row_id(made.base, i) for i in range(3)]
    assert [o["blobs"][0]["data"] for o in found] == ["one", "two", "three"]
    assert [o["metadata"] for o in found] == [{"year": 1}, {"year": 2}, {}]
    assert found[2]["source_details"][0]["row"] == 2
    assert counts_of(world.stores, world.scope, world.bucket.bucket_id).objects == 3


def test_rows_stand_among_objects_in_order_and_page_by_cursor(world: World) -> None:
    def put() -> str:
        asked = {"blobs": [{"property": "text", "type": "text", "data": "x"}]}
        return create_objects(world.stores, world.scope, world.bucket, [asked])[0][0].object_id

    before = put()
    made = world.ask(world.file("rows.parquet", pa.table({"text": [str(i) for i in range(10)]})))
    after = put()

    expected = [before, *(row_id(made.base, i) for i in range(10)), after]
    for limit in (1, 3, 11, 100):
        assert [o["object_id"] for o in world.listed(limit)] == expected
    _, pagination = list_objects(
        world.stores, world.scope, world.bucket, Paging(5, include_total=True), Selection(), BULK
    )
    assert pagination["total"] == 12
    assert [o["blobs"][0]["data"] for o in world.listed(search=row_id(made.base, 7))] == ["7"]


def test_a_row_is_found_by_its_id_and_can_be_in_a_batch(world: World) -> None:
    made = world.ask(world.file("rows.parquet", pa.table({"text": ["a", "b", "c"]})))

    one = get_object(world.stores, world.scope, world.bucket.bucket_id, row_id(made.base, 1), BULK)
    batch = create_batch(world.stores, world.scope, world.bucket, [row_id(made.base, 1), row_id(made.base, 2)])

    assert one.blobs[0].data == "b"
    assert batch.object_count == 2
    for missing in (row_id(made.base, 3), made.base, "obj_0000000000000000000_0000000000", "obj_" + "0" * 24):
        with pytest.raises(NotFound):
            get_object(world.stores, world.scope, world.bucket.bucket_id, missing, BULK)
    with pytest.raises(InvalidRequest, match=r"has no object 'obj_.*_0000000003'"):
        create_batch(world.stores, world.scope, world.bucket, [row_id(made.base, 3)])


def test_rows_with_ids_of_their_own_are_found_by_them(world: World) -> None:
    table = pa.table({"text": [f"t{i}" for i in range(9_000)], "sku": [f"s{i}" for i in range(9_000)]})
    world.ask(world.file("rows.parquet", table), id_column="sku")

    for row in (0, 4_711, 8_999):
        object_id = own_id(own_id_seed(world.bucket.bucket_id), f"s{row}")
        found = get_object(world.stores, world.scope, world.bucket.bucket_id, object_id, BULK)
        assert (found.object_id, found.blobs[0].data) == (object_id, f"t{row}")
    with pytest.raises(NotFound):
        get_object(
            world.stores, world.scope, world.bucket.bucket_id, own_id(own_id_seed(world.bucket.bucket_id), "x"), BULK
        )


def test_a_row_can_t_be_deleted_alone_but_its_import_can(world: World) -> None:
    made = world.ask(world.file("rows.jsonl", lines(*ROWS)))

    with pytest.raises(Conflict, match=r"is row 2 of the import imp_.*can't be deleted alone"):
        delete_object(world.stores, world.scope, world.bucket, row_id(made.base, 1))
    delete_import(world.stores, world.scope, made)

    assert world.listed() == []
    assert counts_of(world.stores, world.scope, world.bucket.bucket_id).objects == 0
    own = f"{world.scope.prefix}/{world.bucket.bucket_id}/"
    assert list(world.stores.blobs.each(world.stores.settings.object_bucket, own)) == []


def test_a_folder_is_one_import_without_what_tools_leave_beside_data(world: World) -> None:
    world.file("folder/b.parquet", pa.table({"text": ["3"]}))
    world.file("folder/a.parquet", pa.table({"text": ["1", "2"]}))
    url = world.file("folder/_SUCCESS", b"x").removesuffix("_SUCCESS")

    made = world.ask(url)

    assert (made.files, made.rows) == (2, 3)
    assert [o["blobs"][0]["data"] for o in world.listed()] == ["1", "2", "3"]


def test_values_become_what_the_properties_are(world: World) -> None:
    table = pa.table(
        {
            "body": pa.array(["a", "b"], pa.large_string()),
            "pic": ["https://x.org/1.jpg", None],
            "year": pa.array([1.0, None]),
            "price": pa.array([3, 4], pa.int8()),
            "day": [datetime.date(2024, 2, 29), None],
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "tags": [["x", "y"], None],
        }
    )
    made = world.ask(
        world.file("rows.parquet", table),
        text_columns={"text": "body"},
        blob_columns={"image": "pic"},
        metadata_columns=["year", "price", "day", "kind", "tags"],
    )

    first, second = world.listed()
    assert first["metadata"] == {"year": 1, "price": 3.0, "day": "2024-02-29", "kind": "a", "tags": ["x", "y"]}
    assert second["metadata"] == {"price": 4.0, "kind": "b"}
    assert [b["property"] for b in first["blobs"]] == ["text", "image"]
    assert first["blobs"][1]["url"] == "https://x.org/1.jpg"
    assert [c.type for c in made.columns] == ["text", "image", "integer", "number", "date", "string", "array"]


def test_metadata_columns_need_not_be_in_the_schema(world: World) -> None:
    table = pa.table({"body": ["a", "b"], "pages": [12, None], "marks": [["x"], None]})

    made = world.ask(
        world.file("rows.parquet", table), text_columns={"text": "body"}, metadata_columns=["pages", "marks"]
    )

    assert [o["metadata"] for o in world.listed()] == [{"pages": 12, "marks": ["x"]}, {}]
    assert [c.property for c in made.columns] == ["text", "pages", "marks"]


@pytest.mark.parametrize(
    ("name", "data", "asked", "problem"),
    [
        ("r.parquet", pa.table({"body": ["x"]}), {}, r"No column of .* gives text or a file\. It has: 'body'"),
        (
            "r.parquet",
            pa.table({"text": ["x"]}),
            {"text_columns": {"text": "body"}},
            r"text_columns\.text: .* has no column 'body'",
        ),
        (
            "r.parquet",
            pa.table({"text": ["x"], "year": ["y"]}),
            {},
            "column 'year' holds string; the property 'year' is of type 'integer'",
        ),
        (
            "r.parquet",
            pa.table({"text": ["x", "y"], "year": [1.0, 1.5]}),
            {},
            "row 2: column 'year' is 1.5, which is not a whole number",
        ),
        ("r.parquet", pa.table({"text": ["x"], "kind": ["c"]}), {}, "row 1: column 'kind' is 'c', .* one of 'a', 'b'"),
        ("r.parquet", pa.table({"text": ["x"], "day": ["31.1.2024"]}), {}, "'day' is '31.1.2024', .*ISO 8601 date"),
        (
            "r.parquet",
            pa.table({"text": ["x"], "image": ["s3://objects-1/other/ns/1.jpg"]}),
            {},
            "column 'image' is 's3://objects-.*a URL that can be read",
        ),
        ("r.parquet", pa.table({"text": ["x"], "image": ["ftp://x"]}), {}, "column 'image' is 'ftp://x'"),
        ("r.parquet", pa.table({"text": pa.array([], pa.string())}), {}, "holds no rows"),
        ("r.parquet", b"PAR1 no parquet at all", {}, "can't be read as Parquet"),
        ("r.parquet", pa.table({"text": pa.array([b"ok", b"\xff"]).view(pa.string())}), {}, "row 2: .*not UTF-8 text"),
        ("r.parquet", pa.table({"text": ["x"] * 3, "id": ["a", "b", "a"]}), {"id_column": "id"}, "rows 1 and 3 .* 'a'"),
        (
            "r.parquet",
            pa.table({"text": ["x"], "id": [None]}),
            {"id_column": "id"},
            "the id column 'id' is empty|holds",
        ),
        ("r.csv", b"", {}, "is empty"),
        ("r.csv", b"text,year\n", {}, "holds no rows"),
        ("r.csv", b"a text,1\nanother,2\n", {"text_columns": ["text"]}, "no column 'text'"),
        ("r.csv", b'text,year\n"a\nb",1\nc,2,3\n', {}, "line 4: 3 cells, where the header has 2"),
        ("r.csv", b"text,year\na,1\nb\n", {}, "line 3: 1 cells, where the header has 2"),
        ("r.csv", b"text,year\na,1\nb,soon\n", {}, "line 3: 'year' is 'soon', which is not a whole number"),
        ("r.csv", b"text,year\na,1\n\xff\xfe,2\n", {}, r"line 3: 'text' is b'\\xff\\xfe', which is not UTF-8 text"),
        ("r.csv", b"text,text\na,b\n", {}, "names 'text' twice"),
        ("r.jsonl", b'{"text": "a"}\n\n{"text": \n', {}, "line 3: no JSON"),
        ("r.jsonl", b'{"text": "a"}\n[1]\n', {}, r"line 2 is \[1\], no object"),
        ("r.jsonl", b'{"text": "a"}\n\n{"text": 5}\n', {}, "line 3: 'text' is 5, which is not text"),
        ("r.jsonl", b'{"text": "a", "year": true}\n', {}, "line 1: 'year' is True, which is not a whole number"),
        ("r.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', {}, "line 2: no JSON"),
        ("r.jsonl", b'{"text": "a"}\n\n{"text": "b", "kind": "z"}\n', {}, "line 3: column 'kind' is 'z'"),
        ("r.jsonl.gz", b"no gzip", {}, "can't be unpacked"),
        ("r.txt", b"x", {}, "its name ends in none of .parquet, .jsonl, .ndjson, .csv"),
    ],
)
def test_what_can_t_be_imported_is_named(
    world: World, name: str, data: bytes | pa.Table, asked: dict[str, Any], problem: str
) -> None:
    if isinstance(data, pa.Table) and "image" in data.column_names:
        urls = [u.as_py().replace("objects-1", world.stores.settings.object_bucket) for u in data["image"]]
        data = data.set_column(data.column_names.index("image"), "image", pa.array(urls))
    said = world.refused(name, data, **asked)

    assert re.search(problem, said), said
    assert name in said


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"text_columns": {"title": "t"}}, "the bucket's schema has no property 'title'"),
        ({"text_columns": ["year"]}, "says that 'year' is of type 'integer'"),
        ({"blob_columns": ["year"]}, "says that 'year' is of type 'integer'"),
        ({"metadata_columns": ["image"]}, "says that 'image' is of type 'image'"),
        ({"text_columns": ["text"], "metadata_columns": ["text"]}, "'text' is mapped twice"),
        ({"delimiter": ";;"}, "delimiter is ';;'"),
    ],
)
def test_a_mapping_that_the_schema_refuses_is_named(world: World, asked: dict[str, Any], problem: str) -> None:
    assert problem in world.refused("rows.csv", b"text\nx\n", **asked)


def test_the_platform_s_other_files_can_t_be_named(world: World) -> None:
    settings = world.stores.settings
    for url in (
        f"s3://{settings.object_bucket}/org_2/ns_1/x.csv",
        f"s3://{settings.plugin_bucket}/x.csv",
        f"s3://{settings.object_bucket}/{world.scope.prefix}/../ns_2/x.csv",
        "https://x.org/x.csv",
        "s3://",
    ):
        with pytest.raises(InvalidRequest) as error:
            world.ask(url)
        assert error.value.field == "url"


def test_ids_of_another_import_are_taken_until_it_is_deleted(world: World) -> None:
    url = world.file("one.csv", b"text,id\na,1\nb,2\n")
    first = world.ask(url, id_column="id")

    with pytest.raises(InvalidRequest, match=r"row 2: the id '2' is an object of the import imp_"):
        world.ask(world.file("two.csv", b"text,id\nc,3\nb,2\n"), id_column="id")
    delete_import(world.stores, world.scope, first)

    assert world.ask(world.file("two.csv", b"text,id\nc,3\nb,2\n"), id_column="id").rows == 2


def test_large_files_are_imported_by_a_job_with_a_task(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_imports, "SMALL_BYTES", 10)
    good, bad = world.file("good.csv", b"text\n" + b"x\n" * 50), world.file("bad.csv", b"text,year\nx,y\n")
    made = [ask_import(world.stores, world.scope, world.bucket, {"url": url}, BULK) for url in (good, bad)]
    messages = world.stores.queues.receive(world.stores.settings.jobs_queue, wait_s=0)
    messages += world.stores.queues.receive(world.stores.settings.jobs_queue, wait_s=0)

    for message in messages:
        finish_import(world.stores, message.body)
        finish_import(world.stores, message.body)

    assert world.listed(limit=1000)[49]["blobs"][0]["data"] == "x"
    for (wanted, task), status in zip(made, (TaskStatus.COMPLETED, TaskStatus.FAILED), strict=True):
        assert task is not None
        now = get_import(world.stores, world.scope, world.bucket.bucket_id, wanted.import_id)
        told = get_task(world.stores, world.scope.org_id, task.task_id)
        assert now.status is told.status is status
        assert (told.error or "") == (now.error or "")
    assert counts_of(world.stores, world.scope, world.bucket.bucket_id).objects == 50
    assert "line 2: 'year' is 'y'" in str(now.error)


def asked_by_job(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Import, dict[str, Any]]:
    """An import that waits for its job, and the job."""
    monkeypatch.setattr(core_imports, "SMALL_BYTES", 1)
    url = world.file("rows.csv", b"text\nx\ny\n")
    made, _ = ask_import(world.stores, world.scope, world.bucket, {"url": url}, BULK)
    (message,) = world.stores.queues.receive(world.stores.settings.jobs_queue, wait_s=0)
    return made, dict(message.body)


def test_who_sees_an_import_completed_finds_its_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, job = asked_by_job(world, monkeypatch)
    client = world.stores.records._client
    seen: set[tuple[TaskStatus, int]] = set()

    def looking(write: Any) -> Any:
        def call(**asked: Any) -> Any:
            answer = write(**asked)
            now = get_import(world.stores, world.scope, world.bucket.bucket_id, made.import_id)
            seen.add((now.status, len(world.listed())))
            return answer

        return call

    for name in ("put_item", "update_item", "transact_write_items", "batch_write_item"):
        monkeypatch.setattr(client, name, looking(getattr(client, name)))
    finish_import(world.stores, job)

    assert seen == {(TaskStatus.PROCESSING, 0), (TaskStatus.COMPLETED, 2)}


def test_an_import_deleted_while_it_is_registered_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, job = asked_by_job(world, monkeypatch)
    create_all = world.stores.records.create_all

    def late(*args: Any, **options: Any) -> None:
        delete_import(world.stores, world.scope, made)
        create_all(*args, **options)

    monkeypatch.setattr(type(world.stores.records), "create_all", lambda _, *args, **options: late(*args, **options))
    finish_import(world.stores, job)

    assert world.listed() == []
    assert list(each_import(world.stores, world.scope, world.bucket.bucket_id)) == []
    assert counts_of(world.stores, world.scope, world.bucket.bucket_id).objects == 0


def test_the_task_of_a_completed_import_is_told_by_the_next_who_takes_its_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, job = asked_by_job(world, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(core_imports, "update_task", lambda *_, **__: None)  # killed before it came to it
        finish_import(world.stores, job)

    finish_import(world.stores, job)

    assert made.task_id is not None
    assert get_task(world.stores, world.scope.org_id, made.task_id).status is TaskStatus.COMPLETED


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(CELL, CELL, st.integers(-(2**63), 2**63 - 1)), min_size=1), chunk=st.integers(1, 80))
def test_csv_and_json_lines_are_read_as_they_were_written(
    rows: list[tuple[str, str, int]], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CHUNK_BYTES", chunk)
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("a", "b", "n"), *rows])
    as_csv = out.getvalue().encode()
    as_json = lines(*({"a": a, "n": n, "b": b} for a, b, n in rows))
    kinds = {"b": "text", "a": "text", "n": "integer"}

    from_csv = list(tables.csv_parts(lambda: io.BytesIO(as_csv), "x.csv", ",", kinds))
    from_json = list(tables.json_parts(lambda: io.BytesIO(as_json), "x.jsonl", kinds))

    expected = [{"b": b, "a": a, "n": n} for a, b, n in rows]
    assert pa.concat_tables(part.table for part in from_csv).to_pylist() == expected
    assert pa.concat_tables(part.table for part in from_json).to_pylist() == expected
    assert from_json[-1].locate(from_json[-1].table.num_rows - 1) == f"line {len(rows)}"


def test_converted_files_have_row_groups_that_can_be_shared_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "GROUP_ROWS", 10)
    monkeypatch.setattr(importing, "FILE_BYTES", 4_000)
    url = world.file("rows.jsonl", lines(*({"text": f"text number {i}" * 10} for i in range(300))))
    monkeypatch.setattr(tables, "CHUNK_BYTES", 1_000)

    made = world.ask(url)

    files = core_imports.manifest_files(world.stores, world.scope, made)
    assert made.files == len(files) > 1
    assert sum(sum(f.row_groups) for f in files) == 300
    assert max(max(f.row_groups) for f in files) <= 10
    assert [o["blobs"][0]["data"][:15] for o in world.listed(1000)][299] == "text number 299"
