"""Row ids: how an import's rows are named as objects, so that a name leads back to its row without a record a row.

A row without an id of its own is `{base}_{row:010}`, `base` being the import's place among the bucket's objects; it
sorts there, in row order. A row with one is `obj_` and a digest of bucket and id: the same however often it is imported.
"""

import hashlib
import re

ROW_DIGITS = 10
MAX_ROWS = 10**ROW_DIGITS
OF_ROW = re.compile(r"(?P<base>obj_[0-9a-f]{19})_(?P<row>[0-9]{10})")
OF_OWN_ID = re.compile(r"obj_[0-9a-f]{24}")


def base_of(import_id: str) -> str:
    """The import's place among the bucket's objects; it sorts by the import's time."""
    return f"obj_{import_id.removeprefix('imp_')}"


def import_of(base: str) -> str:
    """The import whose place this is."""
    return f"imp_{base.removeprefix('obj_')}"


def row_id(base: str, row: int) -> str:
    """The object id of a row by its number."""
    return f"{base}_{row:0{ROW_DIGITS}}"


def parse_row_id(object_id: str) -> tuple[str, int] | None:
    """The import's base and the row's number that an object id spells, None if it is another kind of id."""
    found = OF_ROW.fullmatch(object_id)
    return (found["base"], int(found["row"])) if found else None


def own_id_seed(bucket_id: str) -> "hashlib._Hash":
    """The digest that every id of the bucket's own rows begins with; to be copied, then `own_id` ends it."""
    return hashlib.sha256(f"{bucket_id}\x1f".encode())


def own_id(seed: "hashlib._Hash", value: str) -> str:
    """The object id of the row whose id column holds `value`."""
    digest = seed.copy()
    digest.update(value.encode())
    return f"obj_{digest.hexdigest()[:24]}"
