"""Rules for functions that make objects of raw data: arrays of objects over memory, and what unpickling may call."""

import ast
import re
from collections.abc import Iterable

from plugin_sdk.scanner import libraries
from plugin_sdk.scanner.rules.formats import FormatRules
from plugin_sdk.scanner.scopes import Value

ARRAYS = re.compile(r"numpy(?:\.\w+)*\.(?:ndarray|recarray|array|fromstring)(?:\(\))?(?:\.__new__)?")
OVER_MEMORY = {
    "ndarray": (1, 2, "buffer"),
    "recarray": (1, 2, "buf"),
    "rec.array": (1, 0, "obj"),
    "records.array": (1, 0, "obj"),
    "rec.fromstring": (1, 0, "datastring"),
    "records.fromstring": (1, 0, "datastring"),
}
"""What lays an array over memory that it is given: the places of the kind of its elements and of the memory."""

PLAIN_KIND = re.compile(r"numpy\.(?!object)[a-z]\w*|torch\.[a-z]\w*|builtins\.(?:int|float|bool|complex|bytes|str)")

ALLOW_CALLS = re.compile(r"torch\.serialization\.(?:add_safe_globals|safe_globals)")
REBUILDS = re.compile(
    r"numpy\..*\.(?:_reconstruct|scalar|dtype)|numpy\.(?:dtype|ndarray|\w+\d+|bool_?)|.*\.[A-Z]\w*|\w+"
)
"""What torch may be told to call while it loads: classes, and what arrays are rebuilt with."""


class RawRules(FormatRules):
    """Judges what raw bytes are taken for."""

    def _array_over_memory(self, node: ast.Call, path: str, arguments: list[ast.expr]) -> None:
        """An array of objects over bytes makes objects of any address."""
        if path.startswith("numpy.") and ARRAYS.fullmatch(path):
            name = path.removesuffix(".__new__").removesuffix("()")
            for ending, places in OVER_MEMORY.items():
                if name.endswith(f".{ending}"):
                    self._elements(node, path, arguments[path.endswith(".__new__") :], places)

    def _made_by_subclass(self, node: ast.Call, functions: Iterable[Value]) -> None:
        for kind, scope in functions:
            if kind == "cls":
                for _, path in self.flow.read((self.flow.families.get(scope) or scope).result):
                    if isinstance(path, str) and path.startswith("numpy."):
                        self._array_over_memory(node, path, node.args)

    def _elements(self, node: ast.Call, path: str, arguments: list[ast.expr], places: tuple[int, int, str]) -> None:
        of, memory, keyword = places
        named = {item.arg: item.value for item in node.keywords}
        kind = named.get("dtype", arguments[of] if of < len(arguments) else None)
        later = ("lib", "functools.partial") in self.flow.of(node.func)
        over = later or keyword in named or memory < len(arguments)
        if kind is None or not over or self._plain_elements(kind):
            return
        if memory == 0 and not self._may_hold_objects(kind):
            return
        fix = "Write the kind out as dtype=np.uint8 or the like, or use np.frombuffer"
        self.report(node, f"Unsafe option: {path.replace('()', '')}(dtype=…)", libraries.MEMORY, fix)

    def _plain_elements(self, kind: ast.expr) -> bool:
        """Whether the kind is written out, and is none of objects."""
        values = self.flow.of(kind)
        if isinstance(kind, ast.Constant):
            return not self._may_hold_objects(kind)
        return bool(values) and all(inner == "lib" and PLAIN_KIND.fullmatch(what) for inner, what in values)

    def _may_hold_objects(self, kind: ast.expr) -> bool:
        for inner, what in self.flow.of(kind):
            for found, text in what if inner == "box" else [(inner, what)]:
                if found == "txt" and ("O" in text or "obj" in text or "\0" in text):
                    return True
                if found == "lib" and text.rsplit(".", 1)[-1] in {"object", "object_", "dtype()"}:
                    return True
        return False

    def _called_by_loading(self, node: ast.Call, path: str, arguments: list[ast.expr]) -> None:
        """Functions that torch is told to trust are called with what a file says."""
        if path.startswith("torch.serialization.") and ALLOW_CALLS.fullmatch(path):
            for argument in [*arguments, *(item.value for item in node.keywords)]:
                for kind, what in self.flow.of(argument):
                    for inner, trusted in what if kind == "box" else [(kind, what)]:
                        if inner == "lib" and not REBUILDS.fullmatch(trusted):
                            self._door(node, f"{path}({trusted})", libraries.PICKLE)
