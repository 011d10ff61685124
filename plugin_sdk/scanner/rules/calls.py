"""Rules for calls of functions that are known."""

import ast

from plugin_sdk.scanner import libraries, tables
from plugin_sdk.scanner.flow import LISTED
from plugin_sdk.scanner.judge import is_known, judge_path, options_of
from plugin_sdk.scanner.rules.code import UNKNOWN_TEXT
from plugin_sdk.scanner.rules.formats import METHODS
from plugin_sdk.scanner.rules.options import OptionRules
from plugin_sdk.scanner.rules.reporting import DUNDER_FIX, DUNDER_WHY, last_name, spelled
from plugin_sdk.scanner.scopes import Scope


class CallRules(OptionRules):
    """Judges calls by the function that is called."""

    def _call(self, node: ast.Call, scope: Scope) -> None:
        functions = self.flow.of(node.func)
        paths = [path for kind, path in functions if kind == "lib"]
        for path in paths:
            tail = last_name(path)
            if tail in LISTED and spelled(node.func) != tail:
                self.report(node, f"Forbidden attribute: {tail}", DUNDER_WHY, DUNDER_FIX)
            self._known_call(node, path, scope)
        self._options_anywhere(node, functions)
        self._made_by_subclass(node, functions)
        self._handed_texts(node, functions)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in {"query", "eval"}:
                self._table_text(node, scope, paths)
            elif node.func.attr in tables.ATTRIBUTES_BY_TEXT:
                self._methods_by_text(node)
            elif node.func.attr in METHODS:
                self._formatted(node)
            elif node.func.attr == "__getattr__":
                self._member_by_name(node, paths)
            elif node.func.attr == "dump":
                self._dumped(node, paths)

    def _member_by_name(self, node: ast.Call, paths: list[str]) -> None:
        """`frame.__getattr__("to_pickle")` is `frame.to_pickle`; a class may hand names it does not know to its base."""
        made = {path.removesuffix(".__getattr__") for path in paths}
        for kind, name in (value for argument in node.args for value in self.flow.of(argument)):
            if kind == "txt":
                named = next(filter(None, (judge_path(f"{path}.{name}") for path in made)), None)
                if named is not None:
                    self.verdict(node, named)
                elif (why := libraries.ANY_OBJECT_DOORS.get(name) or tables.DOORS.get(name)) is not None:
                    self._door(node, name, why)

    def _dumped(self, node: ast.Call, paths: list[str]) -> None:
        """`x.dump("file")` of an object that may be an array writes a pickle."""
        named = len(node.args) == 1 and not node.keywords and "txt" in {kind for kind, _ in self.flow.of(node.args[0])}
        if named and not paths and not self._defined("dump"):
            self._door(node, "dump", libraries.PICKLE)

    def _known_call(self, node: ast.Call, path: str, scope: Scope, arguments: list[ast.expr] | None = None) -> None:
        arguments = node.args if arguments is None else arguments
        if path in {"functools.partial", "functools.partialmethod", "asyncio.to_thread", "operator.call"} and arguments:
            for kind, inner in self.flow.of(arguments[0]):
                if kind == "lib":
                    self._known_call(node, inner, scope, arguments[1:])
            return
        if path in {"operator.attrgetter", "operator.methodcaller"}:
            self._named_attributes(node, arguments if path.endswith("attrgetter") else arguments[:1])
        for option in options_of(path):
            self._option(node, path, option, arguments)
        self._array_over_memory(node, path, arguments)
        self._called_by_loading(node, path, arguments)
        if path in libraries.TEXT_FUNCTIONS:
            names, language = libraries.TEXT_FUNCTIONS[path]
            self._text_arguments(node, names, language, scope, arguments)
        if path in libraries.TYPE_FUNCTIONS:
            for argument in [*arguments, *(keyword.value for keyword in node.keywords)]:
                self._annotation(argument, scope)
        if path == "os.close" and not (len(arguments) == 1 and isinstance(arguments[0], (ast.Name, ast.Attribute))):
            self._door(node, path, libraries.STATE)
        if path in {"types.FunctionType", "types.LambdaType"}:
            self._door(node, path, libraries.CODE)
        if path in {"yaml.load", "yaml.load_all"}:
            self._yaml(node, arguments)
        if path == "pandas.set_option" and arguments:
            self._pandas_option(node, arguments[0])

    def _named_attributes(self, node: ast.Call, arguments: list[ast.expr]) -> None:
        for argument in arguments:
            texts = [text for kind, text in self.flow.of(argument) if kind == "txt"]
            bad = [text for text in texts if UNKNOWN_TEXT in text or any(_risky(part) for part in text.split("."))]
            if bad or not texts:
                shown = bad[0] if bad and UNKNOWN_TEXT not in bad[0] else "a computed name"
                why = "it reaches attributes by a name in a text"
                self.report(node, f"Forbidden attribute: {shown}", why, "Write the attribute out")


def _risky(part: str) -> bool:
    name = part.strip()
    return (
        name.startswith("_") or name in tables.INTERNAL_ATTRIBUTES or name in tables.DOORS or name in tables.REACHED_FUNCTIONS
        or name in tables.FORBIDDEN_BUILTINS or name in {"system", "popen", "mro"} or (is_known(name) and name not in libraries.LIBRARY_OWN_NAMES)
    )  # fmt: skip
