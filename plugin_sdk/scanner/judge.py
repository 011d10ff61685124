"""What a dotted path from outside the plugin means: allowed, worth a warning, or forbidden, and why."""

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from plugin_sdk.scanner import libraries, tables
from plugin_sdk.scanner.report import Severity


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a use is refused or remarked upon; `message` is short and stable."""

    message: str
    severity: Severity
    why: str
    fix: str


ALLOWED_ROOTS = {name.split(".")[0] for names in tables.ALLOWED_IMPORTS.values() for name in names} - {"shared"}
ALLOWED_ROOTS |= {"typing_extensions", "annotated_types", "pydantic_core"}

FORBIDDEN_ROOTS = {
    name: tables.FORBIDDEN_IMPORT_REASONS[category]
    for category, names in tables.FORBIDDEN_IMPORTS.items()
    for name in names
    if "." not in name
} | {name: (why, tables.DANGEROUS_FIXES[why]) for why, names in tables.DANGEROUS_WHY.items() for name in names.split()}
STDLIB = set(sys.stdlib_module_names) | {
    "commands",
    "popen2",
    "asyncore",
    "asynchat",
    "imp",
    "distutils",
    "smtpd",
    "cPickle",
}
ONLY = {module: set(names.split()) for module, names in tables.STDLIB_ONLY.items()}
NOT = {module: set(names.split()) for module, names in tables.STDLIB_NOT.items()}
DOORS = {
    root: {name: why for why, names in doors.items() for name in names.split()}
    for root, doors in libraries.LIBRARY_DOORS.items()
}
PACKAGES = {
    "email",
    "xml",
    "json",
    "asyncio",
    "urllib",
    "html",
    "http",
    "importlib",
    "logging",
    "collections",
    "concurrent",
}
MODULES = {name for name in tables.STDLIB_OWN_NAMES if name.split(".")[0] in PACKAGES} | set(ONLY) | set(NOT)
MODULES |= {"xml.etree.ElementTree", "xml.dom.minidom"}
OS_PROCESS = re.compile(r"system|popen\d?|spawn\w*|exec\w*|fork\w*|kill|killpg|posix_spawnp?|startfile")
UNKNOWN_STDLIB = ("it is not known to be harmless", "Use another library for the task")
ORDINARY_MEMBERS = tables.ORDINARY_DUNDERS | set(tables.WARNING_DUNDERS) | {"__dict__"}


def _verdict(kind: str, path: str, reason: tuple[str, str], severity: Severity = "error") -> Verdict:
    return Verdict(f"{kind}: {path}", severity, reason[0], reason[1])


def _door(path: str, why: str) -> Verdict:
    return _verdict("Forbidden function", path, (why, tables.DANGEROUS_FIXES[why]))


@lru_cache(maxsize=20_000)
def judge_import(module: str) -> Verdict | None:
    """An `import module` from outside the plugin."""
    root = module.split(".")[0]
    if root in FORBIDDEN_ROOTS:
        return _verdict("Forbidden import", module, FORBIDDEN_ROOTS[root])
    if root in tables.PLATFORM_ROOTS:
        return _platform_import(module)
    if root in STDLIB:
        if root not in tables.HARMLESS:
            return _verdict("Forbidden import", module, UNKNOWN_STDLIB)
        verdict = judge_path(module)
        if verdict is not None:
            return _verdict("Forbidden import", module, (verdict.why, verdict.fix))
        if root in tables.WARNING_MODULES:
            return _verdict(
                "Discouraged import", module, ("its data can hold code", "Use json or safetensors"), "warning"
            )
        return None
    verdict = judge_path(module)
    if verdict is not None:
        return _verdict("Forbidden import", module, (verdict.why, verdict.fix))
    if root.startswith("_"):
        return _verdict("Forbidden import", module, UNKNOWN_STDLIB)
    if root not in ALLOWED_ROOTS:
        reason = (
            "it is not on the list of known libraries",
            "Use one of the listed libraries, or ask the operator for this one",
        )
        return _verdict("Unknown import", module, reason, "warning")
    return None


def _platform_import(module: str) -> Verdict | None:
    known = tables.PLATFORM_MODULES
    if module in known or any(name.startswith(f"{module}.") for name in known):
        return None
    if any(re.fullmatch(pattern, module) for pattern in tables.PLATFORM_PATTERNS):
        return None
    if re.fullmatch(r"(engine|shared)(\.inference(\.\w+){0,2})?", module):
        return None
    reason = (
        "only the documented import paths of the platform belong to plugins",
        "Import from engine.* or shared.* as documented",
    )
    return _verdict("Forbidden import", module, reason)


@lru_cache(maxsize=50_000)
def judge_path(path: str) -> Verdict | None:
    """A dotted path, as the flow of values writes it: "()" after what was called, "[]" after what was subscripted."""
    parts = canonical(path)
    root = parts[0]
    if root == "?":
        return None
    if root == "builtins":
        return _builtin(parts)
    if root in tables.PLATFORM_ROOTS:
        return _platform_path(parts)
    if root in FORBIDDEN_ROOTS:
        return _verdict("Forbidden function", _shown(parts), FORBIDDEN_ROOTS[root])
    if root in STDLIB:
        return _stdlib_path(parts)
    return _library_path(parts)


@lru_cache(maxsize=20_000)
def options_of(path: str) -> tuple[tuple[str, int | None, set[object], str], ...]:
    """The unsafe options of a function: keyword, position, safe values, and what leaving it out is."""
    return tuple(option for pattern, *option in libraries.OPTIONS if re.fullmatch(pattern, path))  # type: ignore[misc]


@lru_cache(maxsize=50_000)
def canonical(path: str) -> tuple[str, ...]:
    """The parts of a path, from the last library or standard-library module that it passes through."""
    parts = path.split(".")
    start = 0
    for position, part in enumerate(parts):
        if "(" in part or "[" in part:
            break
        root = libraries.LIBRARY_ALIASES.get(part, part)
        if position and (
            root in libraries.LIBRARY_DOORS
            and root not in {"six", "git", "ray", "click", "cython", "decorator", "ffmpeg", "mako", "numba"}
            and root != parts[start]
            and not (
                parts[0] in {"safetensors", "transformers", "polars", "pyarrow", "torch", "librosa"}
                and position == len(parts) - 1
            )
        ):
            start = position
            parts[start] = root
    return tuple(parts[start:])


def _shown(parts: tuple[str, ...]) -> str:
    return ".".join(parts).replace("()", "").replace("[]", "").replace(".?", "")


def _builtin(parts: tuple[str, ...]) -> Verdict | None:
    if len(parts) == 2 and parts[1] in tables.FORBIDDEN_BUILTINS:
        reason = (tables.FORBIDDEN_BUILTINS[parts[1]], tables.BUILTIN_FIXES[parts[1]])
        return _verdict("Forbidden builtin", parts[1], reason)
    if len(parts) == 2 and parts[1] in {"breakpoint", "input", "help"}:
        return _verdict("Forbidden builtin", parts[1], ("it belongs to an interactive session", "Leave it out"))
    return _member(parts, set())


def _platform_path(parts: tuple[str, ...]) -> Verdict | None:
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        names = tables.PLATFORM_MODULES.get(module)
        pattern = any(re.fullmatch(pattern, module) for pattern in tables.PLATFORM_PATTERNS)
        if names is None and not pattern:
            continue
        rest = parts[length:]
        if not rest:
            return None
        name = rest[0].split("(")[0].split("[")[0]
        deeper = any(other.startswith(f"{module}.{name}") for other in tables.PLATFORM_MODULES)
        if (
            name == "*"
            or name in (names or ())
            or deeper
            or (pattern and not name.startswith("_") and name not in STDLIB)
        ):
            return _private(parts)
        break
    else:
        if _platform_import(".".join(parts)) is None:
            return None
    reason = ("plugins may use the platform's documented names only", "Import a name that the documentation lists")
    return _verdict("Forbidden import", _shown(parts), reason)


def _stdlib_path(parts: tuple[str, ...]) -> Verdict | None:
    root = parts[0].rstrip("()[]")
    if root not in tables.HARMLESS:
        return _verdict("Forbidden function", _shown(parts), UNKNOWN_STDLIB)
    for length in range(1, len(parts)):
        module, name = ".".join(parts[:length]), parts[length]
        if "(" in module or "[" in module:
            break
        bare = name.split("(")[0].split("[")[0]
        if bare == "*":
            if module in tables.SENSITIVE:
                return _verdict(
                    "Forbidden import",
                    f"{module}.*",
                    ("it brings in names that must be judged one by one", "Name what you import"),
                )
            continue
        if (
            module in ONLY
            and bare not in ONLY[module]
            and bare not in ORDINARY_MEMBERS
            and f"{module}.{bare}" not in ONLY
        ):
            return _stdlib_function(module, bare)
        if module in NOT and (bare in NOT[module] or "*" in NOT[module]):
            return _stdlib_function(module, bare)
        inside_module = length == 1 or module in MODULES or bare not in libraries.LIBRARY_OWN_NAMES
        if inside_module and bare in STDLIB and f"{module}.{bare}" not in tables.STDLIB_OWN_NAMES:
            return _reached(parts, length)
    return _member(parts, tables.STDLIB_OBJECT_DOORS.get(root, set()))


def _stdlib_function(module: str, name: str) -> Verdict:
    path = f"{module}.{name}"
    root = module.split(".")[0]
    if root in tables.FUNCTION_REASONS and (root != "os" or OS_PROCESS.fullmatch(name)):
        return _verdict("Forbidden function", path, tables.FUNCTION_REASONS[root])
    why = STDLIB_WHY.get(path) or STDLIB_WHY.get(root, "it changes or reveals the whole process")
    return _door(path, why)


STDLIB_WHY = {
    "io": libraries.FILES,
    "codecs": libraries.FILES,
    "shutil": libraries.FILES,
    "logging": libraries.FILES,
    "tokenize": libraries.FILES,
    "argparse": libraries.FILES,
    "gzip": libraries.FILES,
    "bz2": libraries.FILES,
    "lzma": libraries.FILES,
    "shelve": libraries.PICKLE,
    "importlib": libraries.CODE,
    "asyncio": libraries.NETWORK,
    "urllib": libraries.NETWORK,
    "http": libraries.NETWORK,
    "ssl": libraries.NETWORK,
    "xml": libraries.FILES,
    "concurrent": libraries.THREADS,
    "os.open": libraries.FILES,
    "os.fdopen": libraries.FILES,
    "asyncio.create_subprocess_exec": libraries.PROCESS,
    "asyncio.create_subprocess_shell": libraries.PROCESS,
    "asyncio.subprocess": libraries.PROCESS,
}


def _reached(parts: tuple[str, ...], length: int) -> Verdict:
    reason = ("it reaches one module through another", "Import the module itself, if it is allowed")
    return _verdict("Forbidden attribute", _shown(parts[: length + 1]), reason)


def _library_path(parts: tuple[str, ...]) -> Verdict | None:
    doors = DOORS.get(parts[0].split("(")[0].split("[")[0], {})
    if "*" in doors:
        return _door(_shown(parts), doors["*"])
    pure = True
    for position, part in enumerate(parts[1:], 1):
        bare = part.split("(")[0].split("[")[0]
        if parts[0] == "tqdm" and bare == "asyncio":
            continue
        if (
            pure
            and (bare in STDLIB or bare in FORBIDDEN_ROOTS)
            and bare not in libraries.LIBRARY_OWN_NAMES
            and bare not in doors
        ):
            return _reached(parts, position)
        if f"{parts[position - 1]}.{bare}" in doors:
            return _door(_shown(parts[: position + 1]), doors[f"{parts[position - 1]}.{bare}"])
        if bare in doors and (pure or bare not in libraries.AMBIGUOUS_DOORS):
            return _door(_shown(parts[: position + 1]), doors[bare])
        if pure and bare in libraries.LIBRARY_OWN_NAMES and position + 1 < len(parts):
            name = parts[position + 1].split("(")[0]
            if (bare in ONLY and name in REAL_MEMBERS.get(bare, ())) or (
                bare in NOT and name in NOT[bare] - {"root", "load"}
            ):
                return _door(_shown(parts[: position + 2]), STDLIB_WHY.get(bare, libraries.STATE))
        if part != bare:
            pure = False
    return _member(parts, set())


OBJECT_WHY = {"asyncio": libraries.NETWORK, "string": libraries.CODE, "sqlite3": libraries.MEMORY}
REAL_MEMBERS = {"io": {"open", "FileIO", "open_code"}, "types": {"CodeType", "FunctionType"}, "xml": {"sax"}}


def _private(parts: tuple[str, ...]) -> Verdict | None:
    for position, part in enumerate(parts[1:], 1):
        bare = part.split("(")[0].split("[")[0]
        if bare.startswith("_") and not _dunder(bare) and bare not in tables.SAFE_PRIVATE:
            reason = ("private names of libraries lead past every rule", "Use the public name")
            return _verdict("Forbidden attribute", _shown(parts[: position + 1]), reason)
    return None


def _member(parts: tuple[str, ...], doors: set[str]) -> Verdict | None:
    """Rules for the names behind a path's root that hold for every library."""
    for position, part in enumerate(parts[1:], 1):
        bare = part.split("(")[0].split("[")[0]
        if bare in doors:
            return _door(_shown(parts[: position + 1]), OBJECT_WHY.get(parts[0], libraries.FILES))
        if parts[position - 1] == "find_spec()":
            return _door(_shown(parts[: position + 1]), libraries.CODE)
    return _private(parts)


def _dunder(name: str) -> bool:
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def is_sensitive_module(path: str) -> bool:
    """Whether the path is a module that may only be the root of `module.attribute`."""
    parts = canonical(path)
    return len(parts) == 1 and (parts[0] in tables.SENSITIVE or parts[0] in FORBIDDEN_ROOTS)


def is_known(path: str) -> bool:
    """Whether a module of that name exists outside the plugin, as far as this scanner knows."""
    root = path.split(".")[0]
    return root in STDLIB or root in ALLOWED_ROOTS or root in FORBIDDEN_ROOTS or root in tables.PLATFORM_ROOTS


def import_is_refused(path: str) -> bool:
    """Whether importing the root of the path is an error by itself, so that its uses need no report of their own."""
    root = canonical(path)[0]
    verdict = judge_import(root) if root not in {"?", "builtins"} else None
    return verdict is not None and verdict.severity == "error"


def reached(path: str) -> Verdict | None:
    """A path such as `?.os.system`, read from an object of unknown kind."""
    parts = [part.split("(")[0].split("[")[0] for part in path.split(".")]
    for module, name in pairwise(parts[1:]):
        functions = tables.REACHED_FUNCTIONS.get(module)
        if functions and re.fullmatch(functions, name):
            return _verdict(
                "Forbidden function",
                f"{module}.{name}",
                tables.FUNCTION_REASONS.get(
                    module, ("it reaches a module through an object", "Import the module itself, if it is allowed")
                ),
            )
    return None
