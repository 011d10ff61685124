"""Rules for unsafe options of functions that are safe without them."""

import ast
import re

from plugin_sdk.scanner import libraries
from plugin_sdk.scanner.flow import LISTED
from plugin_sdk.scanner.rules.code import UNKNOWN_TEXT
from plugin_sdk.scanner.rules.raw import RawRules
from plugin_sdk.scanner.rules.reporting import DUNDER, DUNDER_FIX, DUNDER_WHY, last_name
from plugin_sdk.scanner.scopes import Scope
from plugin_sdk.scanner.tables import words

KEYWORD_DUNDERS = words(
    "__base__ __config__ __module__ __validators__ __doc__ __cls_kwargs__ __name__ __qualname__ __version__"
)


HARMLESS_BY_DEFAULT = words("format cmd filename uds n_jobs num_proc dataloader_num_workers multiprocessing_context")
"""Options that need not be feared in an unpacked mapping whose keys are unknown."""


def _is_one_of(given: ast.expr, safe: set[object]) -> bool:
    return isinstance(given, ast.Constant) and any(
        type(given.value) is type(value) and given.value == value for value in safe
    )


def _bare_name(given: ast.expr) -> bool:
    """Whether a library is named without a folder, so that it is looked for where its own package lies."""
    return isinstance(given, ast.Constant) and (
        not given.value or re.fullmatch(r"[\w-]+(\.dll)?", str(given.value)) is not None
    )


def _plain_command(given: ast.expr, safe: set[object]) -> bool:
    """Whether a command is a program that may be run, with flags that say nothing of files."""
    if not isinstance(given, (ast.List, ast.Tuple)) or not given.elts:
        return False
    return _is_one_of(given.elts[0], safe) and all(
        _is_one_of(flag, set(libraries.FFMPEG_FLAGS)) for flag in given.elts[1:]
    )


class OptionRules(RawRules):
    """Judges the arguments of calls, and options kept in dicts."""

    def _pandas_option(self, node: ast.Call, name: ast.expr) -> None:
        """The option that names a plotting backend imports the module of that name."""
        if any(kind == "txt" and "backend" in str(text) for kind, text in self.flow.of(name)):
            self._door(node, "pandas.set_option", libraries.CODE)

    def _option(
        self, node: ast.Call, path: str, option: tuple[str, int | None, set[object], str], arguments: list[ast.expr]
    ) -> None:
        keyword, position, safe, missing = option
        given = next((item.value for item in node.keywords if item.arg == keyword), None)
        if given is None and position is not None and position < len(arguments):
            given = arguments[position]
        shown = path.replace("()", "")
        fix = f"Write {keyword}={sorted(safe, key=str)[-1]!r}" if safe != {None} else f"Leave {keyword} out"
        if given is not None:
            if not _is_one_of(given, safe) and not (keyword == "cmd" and _plain_command(given, safe)):
                self.report(node, f"Unsafe option: {shown}({keyword}=…)", "its value can make the call run code", fix)
        elif self._spread(node, keyword, arguments):
            self.report(node, f"Unsafe option: {shown}(**…)", f"it may set {keyword}", fix)
        elif missing == "warning":
            self.report(
                node, f"Unsafe option: {shown} without {keyword}", "its default depends on the version", fix, "warning"
            )

    def _spread(self, node: ast.Call, keyword: str, arguments: list[ast.expr]) -> bool:
        """Whether an unpacked mapping may hold the keyword."""
        for item in node.keywords:
            if item.arg is None:
                boxes = [what for kind, what in self.flow.of(item.value) if kind == "box"]
                names = {text for box in boxes for kind, text in box if kind == "txt"}
                if not (
                    isinstance(item.value, ast.Dict) and all(isinstance(key, ast.Constant) for key in item.value.keys)
                ):
                    if not boxes or keyword in names or any(UNKNOWN_TEXT in name for name in names):
                        return keyword in names or keyword not in HARMLESS_BY_DEFAULT
                elif keyword in names:
                    return True
        return False

    def _options_anywhere(self, node: ast.Call, functions: frozenset[tuple[str, object]]) -> None:
        if functions and all(kind in {"def", "cls"} for kind, _ in functions):
            return
        for item in node.keywords:
            if item.arg and DUNDER.fullmatch(item.arg) and item.arg not in KEYWORD_DUNDERS:
                self.report(node, f"Forbidden attribute: {item.arg}", DUNDER_WHY, "Choose another name")
            if item.arg in libraries.ANYWHERE_OPTIONS:
                safe = libraries.ANYWHERE_OPTIONS[item.arg]
                if not (isinstance(item.value, ast.Constant) and any(item.value.value is value for value in safe)):
                    self.report(
                        node,
                        f"Unsafe option: {item.arg}",
                        "its value can make the call run code",
                        f"Leave {item.arg} out",
                    )
            elif item.arg == "allow_pickle" and isinstance(item.value, ast.Constant) and item.value.value is True:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                if not name.startswith("save"):
                    self.report(node, "Unsafe option: allow_pickle", libraries.PICKLE, "Write allow_pickle=False")
            elif item.arg == "weights_only" and isinstance(item.value, ast.Constant) and item.value.value is False:
                self.report(node, "Unsafe option: weights_only", libraries.PICKLE, "Write weights_only=True")
            elif item.arg == "attn_implementation" and any(
                "/" in str(text) for kind, text in self.flow.of(item.value) if kind == "txt"
            ):
                self.report(
                    node,
                    "Unsafe option: attn_implementation",
                    "it downloads native code",
                    "Name a built-in implementation",
                )
            elif (
                item.arg == "backend"
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"plot", "hist", "boxplot"}
            ):
                self.report(node, "Unsafe option: backend", libraries.CODE, "Leave backend out")

    def _yaml(self, node: ast.Call, arguments: list[ast.expr]) -> None:
        loader = next((item.value for item in node.keywords if item.arg == "Loader"), None)
        if loader is None and len(arguments) > 1:
            loader = arguments[1]
        values = self.flow.of(loader)
        if not values or not all(
            kind == "lib" and str(path).split(".")[-1] in libraries.YAML_LOADERS for kind, path in values
        ):
            self.report(node, "Unsafe option: yaml.load(Loader=…)", libraries.PICKLE, "Use yaml.safe_load")

    def _option_value(self, node: ast.AST, name: str, value: ast.expr | None) -> None:
        safe = libraries.ANYWHERE_OPTIONS[name]
        if not (isinstance(value, ast.Constant) and any(value.value is constant for constant in safe)):
            self.report(node, f"Unsafe option: {name}", "its value can make the call run code", f"Leave {name} out")

    def _dict(self, node: ast.Dict, scope: Scope) -> None:
        """Options may be kept in a dict and unpacked later."""
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                for kind, path in self.flow.of(value):
                    if kind == "lib" and last_name(path) in LISTED:
                        self.report(value, f"Forbidden attribute: {last_name(path)}", DUNDER_WHY, DUNDER_FIX)
            if isinstance(key, ast.Constant) and key.value in ("trust_remote_code", "uds"):
                self._option_value(node, str(key.value), value)
            elif isinstance(key, ast.Constant) and key.value in libraries.NATIVE_PATHS and not _bare_name(value):
                self._door(node, str(key.value), libraries.MEMORY)
