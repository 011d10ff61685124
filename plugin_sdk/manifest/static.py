"""What a manifest's source says by itself: literals and simple constants, read from the syntax tree, nothing run."""

import ast
import warnings
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

from plugin_sdk.manifest import rules
from plugin_sdk.manifest.declared import OPAQUE, declared
from plugin_sdk.manifest.features import features
from plugin_sdk.manifest.issues import Findings, Issue
from plugin_sdk.manifest.model import Feature
from plugin_sdk.manifest.vocabulary import KEYS

MAX_NODES = 50_000
"""Nodes of the values that one manifest may spell out, constants counted at each use."""
MAX_DEPTH = 50


class StaticManifest(BaseModel):
    """What is known without running the manifest; None and empty lists where only a run can tell.

    `assigned` names the manifest's keys that the source gives, whether or not their value is known; `issues` are
    those of the rules that could be checked.
    """

    model_config = ConfigDict(frozen=True)

    name: str | None = None
    version: str | None = None
    description: str = ""
    category: str | None = None
    supported_input_types: list[str] = []
    features: list[Feature] = []
    input_mappings: dict[str, str] = {}
    dependencies: list[str] = []
    compute_profile: dict[str, Any] | None = None
    feature_uri: str | None = None
    assigned: frozenset[str] = frozenset()
    issues: list[Issue] = []

    @property
    def errors(self) -> list[Issue]:
        """The issues that make the manifest unusable."""
        return [issue for issue in self.issues if issue.severity == "error"]


def read_static(source: bytes) -> StaticManifest:
    """Read a manifest.py without running it; a file that is no Python is an issue too."""
    find = Findings()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the author's code, e.g. an odd escape
            tree = ast.parse(source)
    except SyntaxError as error:
        find.error("manifest.py", f"line {error.lineno or 1}: {error.msg}.", "Correct the syntax.")
        return StaticManifest(issues=find.issues)
    except (ValueError, RecursionError, MemoryError) as error:
        find.error("manifest.py", f"can't be read: {error}.", "Write it as plain UTF-8 Python.")
        return StaticManifest(issues=find.issues)
    return _from_names(Names().of(tree), find)


def _from_names(names: dict[str, Any], find: Findings) -> StaticManifest:
    values = declared(names, find)
    if "output_schema" not in values:
        find.error("output_schema", "is missing.", "Add output_schema = <a pydantic model>.")
    found = features(values.get("features"), find)
    name = rules.name(values.get("feature_extractor_name"), find)
    version = rules.version(values.get("version"), find)
    return StaticManifest(
        name=name,
        version=version,
        description=rules.description(values.get("description"), find),
        category=rules.category(values.get("category"), find),
        supported_input_types=rules.input_types(values.get("supported_input_types"), find),
        features=found,
        input_mappings=rules.input_mappings(values.get("input_mappings"), find),
        dependencies=rules.dependencies(values.get("dependencies"), find),
        compute_profile=rules.compute_profile(values.get("compute_profile"), find),
        feature_uri=rules.feature_uri(values.get("feature_uri"), name, version, [f.feature_name for f in found], find)
        if not _partly_known(values.get("features"))
        else None,
        assigned=frozenset(key for key in KEYS if key in values),
        issues=find.issues,
    )


def _partly_known(value: Any) -> bool:
    return value is OPAQUE or (isinstance(value, list) and any(entry is OPAQUE for entry in value))


class Names:
    """The module-level names of a source and their values; OPAQUE where only a run can tell."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}
        self._left = MAX_NODES

    def of(self, tree: ast.Module) -> dict[str, Any]:
        """Names in the order in which the module binds them; the last binding counts."""
        for statement in tree.body:
            self._bind(statement)
        return self._known

    def _bind(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._assign(target, value)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._known[name] = OPAQUE
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                self._known.update({(a.asname or a.name.partition(".")[0]): OPAQUE for a in names})
            case ast.Expr():
                self._forget(_roots_of_calls(statement))
            case _:
                self._forget(_bound_in(statement) | _roots_of_calls(statement))

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._known[target.id] = self._value(value, 0)
        else:
            self._forget({n.id for n in ast.walk(target) if isinstance(n, ast.Name)})

    def _forget(self, names: set[str]) -> None:
        self._known.update(dict.fromkeys(names, OPAQUE))

    def _value(self, node: ast.expr, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            return OPAQUE
        read: Callable[[Any, int], Any] | None = getattr(self, f"_{type(node).__name__}", None)
        return read(node, depth + 1) if read else OPAQUE

    def _Constant(self, node: ast.Constant, _: int) -> Any:
        return node.value

    def _Name(self, node: ast.Name, _: int) -> Any:
        value = self._known.get(node.id, OPAQUE)
        self._left -= _weight(value, self._left)
        return value if self._left > 0 else OPAQUE

    def _List(self, node: ast.List, depth: int) -> Any:
        if any(isinstance(item, ast.Starred) for item in node.elts):
            return OPAQUE
        return [self._value(item, depth) for item in node.elts]

    def _Tuple(self, node: ast.Tuple, depth: int) -> Any:
        return self._List(ast.List(elts=node.elts), depth)

    def _Set(self, node: ast.Set, depth: int) -> Any:
        return self._List(ast.List(elts=node.elts), depth)

    def _Dict(self, node: ast.Dict, depth: int) -> Any:
        keys = [OPAQUE if key is None else self._value(key, depth) for key in node.keys]
        if not all(isinstance(key, str | int) for key in keys):
            return OPAQUE
        return dict(zip(keys, [self._value(value, depth) for value in node.values], strict=True))

    def _Call(self, node: ast.Call, depth: int) -> Any:
        """`dict(a=1)` alone; any other call needs a run."""
        plain = isinstance(node.func, ast.Name) and node.func.id == "dict" and "dict" not in self._known
        if not plain or node.args or any(k.arg is None for k in node.keywords):
            return OPAQUE
        return {k.arg: self._value(k.value, depth) for k in node.keywords}

    def _JoinedStr(self, node: ast.JoinedStr, depth: int) -> Any:
        parts = [self._text(part, depth) for part in node.values]
        return "".join(parts) if all(isinstance(part, str) and len(part) < 1000 for part in parts) else OPAQUE

    def _text(self, part: ast.expr, depth: int) -> Any:
        if isinstance(part, ast.FormattedValue):
            plain = part.conversion == -1 and part.format_spec is None
            value = self._value(part.value, depth) if plain else OPAQUE
            return str(value) if isinstance(value, str | int) else OPAQUE
        return self._value(part, depth)

    def _BinOp(self, node: ast.BinOp, depth: int) -> Any:
        left, right = self._value(node.left, depth), self._value(node.right, depth)
        both_text = isinstance(left, str) and isinstance(right, str) and len(left) + len(right) < 10_000
        return left + right if isinstance(node.op, ast.Add) and both_text else OPAQUE

    def _UnaryOp(self, node: ast.UnaryOp, depth: int) -> Any:
        value = self._value(node.operand, depth)
        return -value if isinstance(node.op, ast.USub) and isinstance(value, int | float) else OPAQUE

    def _Subscript(self, node: ast.Subscript, depth: int) -> Any:
        value, key = self._value(node.value, depth), self._value(node.slice, depth)
        return value.get(key, OPAQUE) if isinstance(value, dict) and isinstance(key, str) else OPAQUE


def _weight(value: Any, limit: int) -> int:
    """Nodes in a value, counted up to the limit: a constant used twice counts twice, or it could double without end."""
    count, waiting = 0, [value]
    while waiting and count <= limit:
        item = waiting.pop()
        count += 1
        if isinstance(item, list | dict):
            waiting.extend(item if isinstance(item, list) else item.values())
    return count


def _bound_in(statement: ast.AST) -> set[str]:
    """Names that a compound statement, a deletion or an augmented assignment may bind."""
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store | ast.Del)} | (
        {statement.target.id}
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name)
        else set()
    )


def _roots_of_calls(statement: ast.AST) -> set[str]:
    """Names whose value a method call may change: `features.append(...)`, `metadata.update(...)`."""
    return {
        n.func.value.id
        for n in ast.walk(statement)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name)
    }
