"""Files that are not Python source, judged by their content and by what a system would do with them."""

import re
from collections.abc import Iterator

from plugin_sdk.scanner.payloads import Effort, Payload, payload
from plugin_sdk.scanner.report import Severity, Violation

COMPILED = ("it is compiled code, which cannot be judged", "Ship Python source only")
NAMES: list[tuple[re.Pattern[str], str, tuple[str, str]]] = [
    (
        re.compile(r"\.(so(\.[\d.]+)?|pyd|dll|dylib|exe|o|a|obj|lib|ko|node|wasm|class|jar|com|scr|msi|sys)$"),
        "Compiled code",
        COMPILED,
    ),
    (re.compile(r"\.(pyc|pyo|pyx|pxd|pxi|whl|egg|pyz|pyzw)$"), "Compiled or packed code", COMPILED),
    (re.compile(r"\.(pth|egg-link)$|(^|/)pyvenv\.cfg$"), "Startup hook", ("Python runs it at startup", "Leave it out")),
    (
        re.compile(r"(^|/)(sitecustomize|usercustomize)(\.py|/__init__\.py)$"),
        "Startup hook",
        ("Python runs it at startup", "Leave it out"),
    ),
    (
        re.compile(r"^(?!(.*/)?tests?/)(.*/)?conftest\.py$"),
        "Startup hook",
        ("pytest runs it unasked", "Keep it in the tests folder"),
    ),
    (
        re.compile(r"(^|/)\.(bashrc|profile|bash_profile|zshrc|zshenv|netrc|pypirc|env|pythonrc\.py|pip/pip\.conf)$"),
        "Startup hook",
        ("a shell or a tool reads it at startup", "Leave it out"),
    ),
    (
        re.compile(r"\.(sh|bash|zsh|bat|cmd|ps1|vbs|scpt|command|desktop|service|lnk|pyw|ipynb\.py)$"),
        "Executable file",
        ("a system would run it as a program", "Write Python, or leave it out"),
    ),
]
SIGNATURES = [
    (b"\x7fELF", "an ELF program"),
    (b"\xfe\xed\xfa\xce", "a Mach-O program"),
    (b"\xfe\xed\xfa\xcf", "a Mach-O program"),
    (b"\xce\xfa\xed\xfe", "a Mach-O program"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"\xca\xfe\xba\xbe", "a Mach-O program or Java class"),
    (b"\xbe\xba\xfe\xca", "a Mach-O program"),
    (b"\xca\xfe\xba\xbf", "a Mach-O program"),
    (b"\0asm", "a WebAssembly program"),
    (b"!<arch>\n", "a library of object files"),
    (b"dex\n", "an Android program"),
    (b"#!", "a script"),
    (b"L\0\0\0\x01\x14\x02\0", "a Windows shortcut"),
    (b"BC\xc0\xde", "LLVM bitcode"),
]
PYC = re.compile(rb"^.[\x0c-\x0f]\r\n[\0-\x03]\0\0\0|^\x03\xf3\r\n", re.DOTALL)
PICKLE_NAMES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")


def judge_content(file: str, content: bytes, effort: Effort) -> Iterator[Violation]:
    """Why a file that is not Python source may not come in; nothing for data."""
    name = file.lower()
    for pattern, message, (why, fix) in NAMES:
        if pattern.search(name):
            yield Violation(file, 1, 0, f"{message}: {file.rsplit('/', 1)[-1]}", "error", fix, why)
            return
    if name.endswith(".py"):
        return
    for signature, words in SIGNATURES:
        if content.startswith(signature):
            yield _program(file, words)
            return
    if content.startswith(b"MZ") and len(content) > 64 and _portable_executable(content):
        yield _program(file, "a Windows program")
    elif PYC.match(content):
        yield _program(file, "compiled Python")
    else:
        yield from _judge_payload(file, payload(content, effort), name.endswith(PICKLE_NAMES))


def _judge_payload(file: str, found: Payload | None, named_so: bool) -> Iterator[Violation]:
    if found == "program":
        yield _program(file, "a program inside an archive")
    elif found == "too much":
        why = "what is packed so often or so tightly is not looked at to its end"
        yield Violation(file, 1, 0, "Packed data", "warning", "Ship fewer archives inside the plugin", why)
    elif found is not None or named_so:
        message = "Object array" if found == "object array" else "Pickle data"
        severity: Severity = "error" if found == "dangerous pickle" else "warning"
        why = "unpickling runs code that the data names"
        yield Violation(file, 1, 0, message, severity, "Use json, safetensors or Parquet", why)


def _portable_executable(content: bytes) -> bool:
    offset = int.from_bytes(content[60:64], "little")
    return content[offset : offset + 2] in {b"PE", b"NE", b"LE", b"LX"} or b"DOS mode" in content[64:256]


def _program(file: str, words: str) -> Violation:
    why = "a program hides under a data file's name"
    return Violation(file, 1, 0, f"Compiled code: {words}", "error", "Ship Python source and data files only", why)
