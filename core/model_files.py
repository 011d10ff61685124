"""Model files: whether an upload is what its format says, told from its structure alone. Nothing is ever loaded.

safetensors and ONNX files are read from front to back, in a file or in an archive. A PyTorch file is a zip whose pickle
is read opcode by opcode: every name in it must be one that rebuilding tensors needs.
"""

import math
import pickletools
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple, Protocol

import orjson

from plugin_sdk.errors import InvalidArchive

FORMATS = ("safetensors", "onnx", "pytorch", "huggingface")
MAX_HEADER_BYTES = 100 * 1024 * 1024
MAX_PICKLE_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 1_000
MAX_UNPACKED_BYTES = 20 * 1024**3
MAX_RATIO = 100
CHUNK = 1024 * 1024
IN_MEMORY_BYTES = 16 * 1024 * 1024
WIDTHS = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4} | {
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
HARMLESS = (".json", ".txt", ".md", ".model", ".jinja", ".vocab", ".merges")
"""Files beside the weights of a Hugging Face folder."""

TORCH_NAMES = {
    "collections": {"OrderedDict"},
    "torch": {
        "Size", "device", "Tensor", "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8",
        "uint8", "bool", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
    },
    "torch._utils": {
        "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state",
        "_rebuild_sparse_tensor", "_rebuild_qtensor",
    },
    "torch.nn.parameter": {"Parameter"},
    "torch.storage": {"UntypedStorage", "TypedStorage"},
}  # fmt: skip


class InvalidModel(InvalidArchive):
    """The file is not a model of the format that was announced; `entry` is the file inside an archive."""

    code = "invalid_model"


class Readable(Protocol):
    """Bytes from front to back."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""


class Content(NamedTuple):
    """One file, whole or inside an archive."""

    name: str
    file: Readable
    size: int


def check_model(file: IO[bytes], size: int, model_format: str) -> str:
    """The ending that the file should have, once it is a model of this format.

    Args:
        file: seekable, at its start.
        size: its bytes.

    Raises:
        InvalidModel: it is something else, or could carry code.
    """
    archive = _archive_ending(file)
    if model_format == "pytorch" and archive != ".tar.gz" and (archive is None or _is_torch(file)):
        _check_torch(file)
        return ".pt"
    if archive is None:
        if model_format == "huggingface":
            raise _invalid("A Hugging Face model is a folder.", "Upload it as .zip or .tar.gz.")
        CHECKS[model_format](Content("", file, size))
        return f".{model_format}"
    try:
        _check_archive(_entries(file, size, archive), model_format)
    except DAMAGED as error:
        raise _invalid(f"The archive is damaged: {error}.", "Pack it anew.") from error
    return archive


def _archive_ending(file: IO[bytes]) -> str | None:
    start = file.read(4)
    file.seek(0)
    if start == b"PK\x03\x04":
        return ".zip"
    return ".tar.gz" if start[:2] == b"\x1f\x8b" else None


def _check_archive(entries: Iterator[Content], model_format: str) -> None:
    weights, names = 0, set()
    for content in entries:
        ending = PurePosixPath(content.name).suffix.lower()
        names.add(PurePosixPath(content.name).name)
        kind = WEIGHTS.get(ending)
        if kind and model_format in (kind, "huggingface"):
            CHECKS[kind](content)
            weights += 1
        elif ending not in HARMLESS:
            raise _invalid(
                f"{content.name} is no file of a {model_format} model.",
                f"Leave it out; weights are files in {', '.join(WEIGHTS)}, and code belongs in a plugin.",
                content.name,
            )
    if not weights:
        raise _invalid(f"The archive holds no weights for {model_format}.", f"Add a file in {', '.join(WEIGHTS)}.")
    if model_format == "huggingface" and "config.json" not in names:
        raise _invalid("The archive holds no config.json.", "Pack the folder that save_pretrained wrote.")


def _entries(file: IO[bytes], size: int, archive: str) -> Iterator[Content]:
    """The archive's files one after the other, each to be read before the next; safe names, and no bomb."""
    unpacked = 0
    found = _zip_entries(file) if archive == ".zip" else _tar_entries(file)
    for number, content in enumerate(found):
        unpacked += content.size
        if number >= MAX_ENTRIES or unpacked > min(MAX_UNPACKED_BYTES, MAX_RATIO * size + CHUNK):
            raise _invalid("The archive unpacks to far more than it may hold.", "Upload the weights themselves.")
        if content.name.startswith("/") or ".." in PurePosixPath(content.name).parts or "\\" in content.name:
            raise _invalid(f"{content.name!r} is no path inside the archive.", "Pack it anew.", content.name)
        yield content


def _zip_entries(file: IO[bytes]) -> Iterator[Content]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            kind = info.external_attr >> 28
            if info.is_dir():
                continue
            if kind not in (0, 0o10):
                raise _invalid(f"{info.filename} is no ordinary file.", "Put the file itself there.", info.filename)
            with archive.open(info) as content:
                yield Content(info.filename, content, info.file_size)


def _tar_entries(file: IO[bytes]) -> Iterator[Content]:
    with tarfile.open(fileobj=file, mode="r|gz") as archive:
        for info in archive:
            if info.isdir():
                continue
            content = archive.extractfile(info) if info.isreg() else None
            if content is None:
                raise _invalid(f"{info.name} is no ordinary file.", "Put the file itself there.", info.name)
            yield Content(info.name, content, info.size)


def _check_safetensors(content: Content) -> None:
    """An 8-byte length, a JSON header, then the tensors end to end, as the header places them."""
    length = int.from_bytes(_exactly(content, 8), "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, content.size - 8):
        raise _invalid(
            f"{_what(content)} is no safetensors file.", "Write it with safetensors' save_file.", content.name
        )
    try:
        header = orjson.loads(_exactly(content, length))
        tensors = {name: t for name, t in header.items() if name != "__metadata__"}
        spans = sorted(_span(tensor) for tensor in tensors.values())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _invalid(
            f"{_what(content)} has a header that no reader understands.",
            "Write it with safetensors' save_file.",
            content.name,
        ) from error
    end = 0
    for start, stop in spans:
        if start != end:
            raise _invalid(f"{_what(content)} has tensors that overlap or leave gaps.", "Write it anew.", content.name)
        end = stop
    data = content.size - 8 - length
    if end != data:
        raise _invalid(
            f"{_what(content)} should hold {end} bytes of tensors and holds {data}.",
            "Upload the whole file.",
            content.name,
        )


def _span(tensor: dict[str, Any]) -> tuple[int, int]:
    """Where the tensor's bytes lie, once they are as many as its shape takes."""
    start, end = tensor["data_offsets"]
    shape = tensor["shape"]
    if not all(isinstance(n, int) and n >= 0 for n in (start, end, *shape)) or end < start:
        raise ValueError("no span")
    width = WIDTHS.get(tensor["dtype"])
    if width is not None and end - start != width * math.prod(shape):
        raise ValueError("the shape takes other bytes")
    return start, end


def _check_onnx(content: Content) -> None:
    """A protobuf message with a version of the format (field 1) and a graph (field 7), complete to its last byte."""
    fields, left = set(), content.size
    while left:
        tag, used = _varint(content)
        left -= used
        wire = tag & 7
        if wire == 0:
            left -= _varint(content)[1]
        elif wire in (1, 5):
            _skip(content, 8 if wire == 1 else 4)
            left -= 8 if wire == 1 else 4
        elif wire == 2:
            length, used = _varint(content)
            if length > left - used:
                raise _invalid(f"{_what(content)} ends in the middle.", "Upload the whole file.", content.name)
            _skip(content, length)
            left -= used + length
        else:
            raise _not_onnx(content)
        if tag >> 3 not in range(1, 64) or left < 0:
            raise _not_onnx(content)
        fields.add(tag >> 3)
    if not {1, 7} <= fields:
        raise _not_onnx(content)


def _is_torch(file: IO[bytes]) -> bool:
    """Whether the zip is what torch.save writes, rather than an archive of such files."""
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except DAMAGED:
        return True
    finally:
        file.seek(0)


def _check_packed_torch(content: Content) -> None:
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        while chunk := content.file.read(CHUNK):
            file.write(chunk)
        _check_torch(file)


def _check_torch(file: IO[bytes]) -> None:
    """What torch.save writes: a zip with one data.pkl of harmless names, and raw storages."""
    save = "Save a state_dict with torch.save, or better as safetensors."
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            pickles = [n for n in names if PurePosixPath(n).suffix == ".pkl"]
            if len(pickles) != 1 or PurePosixPath(pickles[0]).name != "data.pkl":
                raise _invalid("The file holds a program (TorchScript) or no tensors at all.", save)
            if archive.getinfo(pickles[0]).file_size > MAX_PICKLE_BYTES:
                raise _invalid(f"{pickles[0]} is larger than tensors need.", save, pickles[0])
            _check_pickle(archive.read(pickles[0]), pickles[0])
    except DAMAGED as error:
        raise _invalid("The file is not what torch.save writes since 1.6.", save) from error


def _check_pickle(data: bytes, name: str) -> None:
    """Read the opcodes; whatever names something beyond `TORCH_NAMES` could run it, and is refused."""
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(data):
            match opcode.name:
                case "GLOBAL":
                    _check_name(name, *str(argument).split(" ", 1))
                case "STACK_GLOBAL":
                    _check_name(name, *texts[-2:])
                case "INST" | "EXT1" | "EXT2" | "EXT4":
                    _check_name(name, opcode.name, str(argument))
            if opcode.name in ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"):
                texts.append(str(argument))
            elif opcode.name not in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"):
                texts = []
    except ValueError as error:
        raise _invalid(f"{name} is damaged.", "Save the model anew.", name) from error


def _check_name(entry: str, module: str = "", name: str = "") -> None:
    allowed = name in TORCH_NAMES.get(module, ()) or (
        module == "torch" and name.endswith("Storage") and name.isidentifier()
    )
    if not allowed:
        raise _invalid(
            f"{entry} refers to {module}.{name}, which loading would run.",
            "Save a state_dict of tensors, or better as safetensors.",
            entry,
        )


def _varint(content: Content) -> tuple[int, int]:
    value = 0
    for used in range(1, 11):
        byte = _exactly(content, 1)[0]
        value |= (byte & 0x7F) << (7 * (used - 1))
        if byte < 0x80:
            return value, used
    raise _not_onnx(content)


def _exactly(content: Content, size: int) -> bytes:
    data = content.file.read(size)
    while len(data) < size and (more := content.file.read(size - len(data))):
        data += more
    if len(data) != size:
        raise _invalid(f"{_what(content)} ends in the middle.", "Upload the whole file.", content.name)
    return data


def _skip(content: Content, size: int) -> None:
    while size:
        size -= len(_exactly(content, min(size, CHUNK)))


def _what(content: Content) -> str:
    return content.name or "The file"


def _not_onnx(content: Content) -> InvalidModel:
    return _invalid(f"{_what(content)} is no ONNX model.", "Export it with torch.onnx or onnx.save.", content.name)


def _invalid(problem: str, fix: str, entry: str = "") -> InvalidModel:
    return InvalidModel(problem, fix, entry)


CHECKS: dict[str, Callable[[Content], None]] = {
    "safetensors": _check_safetensors,
    "onnx": _check_onnx,
    "pytorch": _check_packed_torch,
}
WEIGHTS = {".safetensors": "safetensors", ".onnx": "onnx", ".pt": "pytorch", ".pth": "pytorch", ".bin": "pytorch"}
