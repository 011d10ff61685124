"""Rules for calls of functions that are known."""

import ast
import re

from plugin_sdk.scanner import libraries, tables
from plugin_sdk.scanner.flow import LISTED
from plugin_sdk.scanner.judge import is_known, judge_path, options_of
from plugin_sdk.scanner.rules.code import UNKNOWN_TEXT
from plugin_sdk.scanner.rules.options import OptionRules
from plugin_sdk.scanner.rules.reporting import DUNDER_FIX, DUNDER_WHY, last_name, spelled, whole_modules
from plugin_sdk.scanner.scopes import Scope

MODULE_FIELD = re.compile(r"\{(\w*(?:\[\w+\])?)((?:\.\w+)+)")


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
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in {"query", "eval"}:
                self._table_text(node, scope, paths)
            elif node.func.attr in tables.ATTRIBUTES_BY_TEXT:
                self._methods_by_text(node)
            elif node.func.attr in {"format", "format_map", "vformat"}:
                self._formatted(node)

    def _formatted(self, node: ast.Call) -> None:
        """`"{0.os.sep}".format(np)` reaches through a library as the same attributes written out would."""
        arguments = [*node.args, *(item.value for item in node.keywords)]
        paths = whole_modules(value for argument in arguments for value in self.flow.of(argument))
        if paths:
            texts = [self.flow.of(part) for part in (node.func.value, *arguments)]  # type: ignore[attr-defined]
            for text in sorted({what for values in texts for kind, what in values if kind == "txt"}):
                for _, attributes in MODULE_FIELD.findall(text):
                    for verdict in filter(None, (judge_path(f"{path}{attributes}") for path in paths)):
                        self.verdict(node, verdict)

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
