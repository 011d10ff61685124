"""The rules: every expression and import of a module, looked at with what it may be."""

import ast
import re
from typing import Any

from plugin_sdk.scanner import libraries, tables
from plugin_sdk.scanner.addresses import forbidden_address
from plugin_sdk.scanner.flow import LISTED, Flow
from plugin_sdk.scanner.judge import (
    Verdict,
    import_is_refused,
    is_known,
    is_sensitive_module,
    judge_import,
    judge_path,
    reached,
)
from plugin_sdk.scanner.report import Severity, Violation
from plugin_sdk.scanner.scopes import EVAL, Flattener, Module, Scope, Unit
from plugin_sdk.scanner.tables import ORDINARY_DUNDERS, words

FIELD = re.compile(r"\{([^{}!:]*[.\[][^{}!:]*)")
DUNDER = re.compile(r"__\w+__")
MAPPINGS = {"__globals__", "__builtins__", "__dict__", "__code__"}
KEYWORD_DUNDERS = words(
    "__base__ __config__ __module__ __validators__ __doc__ __cls_kwargs__ __name__ __qualname__ __version__"
)
DESCRIPTIVE = words("__name__ __qualname__ __doc__ __module__ __len__ __annotations__ __version__ __file__")
HANDLES = {"__globals__", "__builtins__", "__code__"}
READERS = words(
    """
    get items values keys pop popitem setdefault update replace copy clear __getitem__ __iter__
    """
)
UNKNOWN_TEXT = "\0"
MAX_CODE_TEXT = 20_000

DUNDER_WHY = "it leads to the interpreter's own objects"
DUNDER_FIX = "Use isinstance, type(x).__name__ or an attribute of your own"
MODULE_FIX = "Write module.function where it is used"
TEXT_WHY = "text that is run cannot be checked"


class Rules:
    """Looks at one module after the flow has settled."""

    def __init__(self, flow: Flow, module: Module, lines: list[str]) -> None:
        self.flow, self.module, self.lines = flow, module, lines
        self.found: list[Violation] = []
        self._anchor: ast.AST | None = None
        self._depth = 0
        self._docstrings = {
            statement.value for statement, _ in module.statements if isinstance(statement, ast.Expr)
        }  # fmt: skip

    def run(self) -> list[Violation]:
        for node, _ in self.module.imports:
            self._import(node)
        for statement, scope in self.module.statements:
            self._definition(statement, scope)
        for pattern, _ in self.module.patterns:
            for name in pattern.kwd_attrs:
                self._attribute_name(pattern, name, self.flow.of(pattern), pattern)
        for unit in self.module.units:
            self._unit(unit)
        for annotation, scope in self.module.annotations:
            self._annotation(annotation, scope)
        return self.found

    def _unit(self, unit: Unit) -> None:
        for kind, node, scope, extra in unit.ops:
            if kind == EVAL:
                handler: Any = HANDLERS.get(type(node))
                if handler is not None:
                    handler(self, node, scope)
            elif node[0] in {"attr", "item"}:
                self._store(node[1], extra, scope)
            elif node[0] == "named":
                self._stored_name(node[1])

    # reporting

    def report(self, node: ast.AST, message: str, why: str, fix: str, severity: Severity = "error") -> None:
        place = self._anchor or node
        line = getattr(place, "lineno", 1)
        column = getattr(place, "col_offset", 0)
        if 0 < line <= len(self.lines) and not self.lines[line - 1].isascii():
            column = len(self.lines[line - 1].encode()[:column].decode("utf-8", "ignore"))
        self.found.append(Violation(self.module.file, line, column, message, severity, fix, why))

    def verdict(self, node: ast.AST, verdict: Verdict) -> None:
        self.report(node, verdict.message, verdict.why, verdict.fix, verdict.severity)

    # imports

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._import_module(node, alias.name)
            return
        if node.level:
            if self.module.absolute(node) is None:
                self.report(
                    node, "Relative import leaves the plugin", "it reaches other code", "Import from the plugin itself"
                )
            return
        source = node.module or ""
        if not self._import_module(node, source):
            return
        for alias in node.names:
            if any(kind == "lib" for kind, _ in self.flow.resolve(source)):
                verdict = judge_path(f"{source}.{alias.name}")
                if verdict is not None:
                    path = verdict.message.split(": ", 1)[1]
                    self.report(node, f"Forbidden import: {path}", verdict.why, verdict.fix, verdict.severity)
                elif DUNDER.fullmatch(alias.name) and alias.name not in ORDINARY_DUNDERS:
                    self.report(
                        node, f"Forbidden import: {source}.{alias.name}", DUNDER_WHY, "Import public names only"
                    )

    def _import_module(self, node: ast.Import | ast.ImportFrom, module: str) -> bool:
        """Judge one imported module; whether its names are worth a look of their own."""
        if not is_known(module) and self._own(module):
            return True
        verdict = judge_import(module)
        if verdict is not None:
            self.verdict(node, verdict)
        return verdict is None or verdict.severity == "warning"

    def _own(self, module: str) -> bool:
        return any(kind == "mod" for kind, _ in self.flow.resolve(module.split(".")[0]))

    # definitions

    def _definition(self, node: ast.stmt, scope: Scope) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = node.name
            if name in tables.FORBIDDEN_DEFINITIONS:
                self.report(node, f"Forbidden name: {name}", DUNDER_WHY, "Choose another name")

    def _stored_name(self, node: ast.Name) -> None:
        name = node.id
        if name in tables.FORBIDDEN_DEFINITIONS:
            self.report(node, f"Forbidden name: {name}", DUNDER_WHY, "Choose another name")

    # names and attributes

    def _name(self, node: ast.Name, scope: Scope) -> None:
        parent = self.module.parents.get(node)
        values = self.flow.of(node)
        name = node.id
        if ("lib", f"builtins.{name}") in values:
            verdict = judge_path(f"builtins.{name}")
            if verdict is not None:
                self.verdict(node, verdict)
            elif name == "__builtins__":
                self._listed(node, name, parent)
            elif name in {"__loader__", "__spec__"}:
                self.report(node, f"Forbidden name: {name}", DUNDER_WHY, "Leave it out")
        elif name == "__class__" and ("lib", "?.__class__") in values:
            self._listed(node, name, parent)
        self._module_value(node, parent)
        if (isinstance(parent, ast.Call) and parent.func is node) or self.flow.lookup(scope, name) is None:
            for kind, path in values:
                if kind == "lib" and "." in path and "(" not in path and not path.startswith(("?", "builtins.")):
                    verdict = judge_path(path)
                    if verdict is not None and verdict.severity == "error" and not import_is_refused(path):
                        self.verdict(node, verdict)

    def _module_value(self, node: ast.expr, parent: ast.AST | None) -> None:
        if isinstance(parent, ast.Attribute) and parent.value is node:
            return
        for kind, path in self.flow.of(node):
            if kind == "lib" and is_sensitive_module(path) and not import_is_refused(path):
                why = "a module in a variable can be used unseen"
                self.report(node, f"Module used as a value: {path}", why, MODULE_FIX)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> None:
        bases = self.flow.of(node.value)
        parent = self.module.parents.get(node)
        if isinstance(parent, ast.MatchClass):
            parent = None
        self._attribute_name(node, node.attr, bases, parent)
        self._module_value(node, parent)

    def _attribute_name(
        self, node: ast.AST, name: str, bases: frozenset[tuple[str, object]], parent: ast.AST | None
    ) -> None:
        paths = [str(path) for kind, path in bases if kind == "lib"]
        own = self._defined(name) and any(kind in {"obj", "cls"} for kind, _ in bases)
        if own and name.startswith("_") and not DUNDER.fullmatch(name) and all("." in path for path in paths):
            return
        if self._paths(node, name, paths) or self._inherited(node, name, bases):
            return
        if name in tables.INTERNAL_ATTRIBUTES:
            self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, "Leave the interpreter's internals alone")
        elif DUNDER.fullmatch(name):
            if name in LISTED:
                chained = any(_listed_parts(path) for path in paths)
                self._listed(node, name, parent, chained)
            elif name not in ORDINARY_DUNDERS and not (self._defined(name) and self._is_own(bases, name)):
                self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, DUNDER_FIX)
        elif name.startswith("_") and name not in tables.SAFE_PRIVATE:
            if not self._is_own(bases, name):
                why = "private names belong to the object's own code"
                self.report(node, f"Private attribute: {name}", why, "Use the public name")
        elif name in tables.DOORS and not self._defined(name):
            why = tables.DOORS[name]
            self.report(node, f"Forbidden function: {name}", why, tables.DANGEROUS_FIXES[why])
        elif name in libraries.ANY_OBJECT_DOORS and not self._defined(name):
            why = libraries.ANY_OBJECT_DOORS[name]
            self.report(node, f"Forbidden function: {name}", why, tables.DANGEROUS_FIXES[why])
        elif name == "mro" and isinstance(parent, ast.Call):
            self._listed(node, "__mro__", parent)

    def _paths(self, node: ast.AST, name: str, paths: list[str]) -> bool:
        """Judge the attribute as the next part of each path; whether one of them was reported."""
        for path in paths:
            full = f"{path}.{name}"
            verdict: Verdict | None
            if path.endswith(".__builtins__"):
                verdict = Verdict(
                    f"Forbidden attribute: __builtins__.{name}", "error", DUNDER_WHY, "Use the name itself"
                )
            elif path.startswith("?"):
                verdict = reached(full)
            elif import_is_refused(path) or judge_path(path) is not None:
                continue
            else:
                verdict = judge_path(full)
            tail = _tail(path)
            if verdict is None and tail in LISTED and DUNDER.fullmatch(name) and name not in DESCRIPTIVE | LISTED:
                verdict = Verdict(f"Forbidden attribute: {tail}", "error", DUNDER_WHY, DUNDER_FIX)
            if verdict is None and tail in MAPPINGS and name in READERS:
                verdict = Verdict(f"Forbidden attribute: {tail}", "error", DUNDER_WHY, DUNDER_FIX)
            if verdict is None and any(path == state for state in tables.CHANGEABLE) and name in tables.MAPPING_WRITES:
                verdict = _state_change(path)
            if verdict is not None:
                self.verdict(node, verdict)
                return True
        return False

    def _inherited(self, node: ast.AST, name: str, bases: frozenset[tuple[str, Any]]) -> bool:
        """A door that the plugin's own class has from a library's."""
        if name.startswith("_"):
            return False
        for kind, scope in bases:
            if kind in {"obj", "cls"}:
                for _, path in self.flow.inherited(str(kind), scope, name):
                    verdict = judge_path(path)
                    if verdict is not None and judge_path(path.rsplit(".", 1)[0]) is None:
                        self.verdict(node, verdict)
                        return True
        return False

    def _listed(self, node: ast.AST, name: str, parent: ast.AST | None, chained: bool = False) -> None:
        """One of the seven dunders: a warning when read, an error when more is done with it."""
        used = (
            chained
            or (isinstance(parent, ast.Call) and (parent.func is node or name in HANDLES))
            or isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            or (isinstance(parent, (ast.Subscript, ast.Attribute)) and parent.value is node and self._reaches(parent))
        )  # fmt: skip
        if used:
            self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, DUNDER_FIX)
        else:
            self.report(node, f"Dunder attribute: {name}", DUNDER_WHY, DUNDER_FIX, "warning")

    @staticmethod
    def _reaches(parent: ast.Subscript | ast.Attribute) -> bool:
        if isinstance(parent, ast.Subscript):
            return True
        if not isinstance(parent.ctx, ast.Load):
            return True
        return DUNDER.fullmatch(parent.attr) is not None and parent.attr not in DESCRIPTIVE

    def _is_own(self, bases: frozenset[tuple[str, object]], name: str) -> bool:
        """Whether the object is the plugin's own, as far as can be told."""
        if any(kind == "lib" and not str(path).startswith("?") for kind, path in bases):
            return any(kind in {"obj", "cls"} for kind, _ in bases) and self._defined(name)
        return any(kind in {"obj", "cls", "mod", "def"} for kind, _ in bases) or self._defined(name)

    def _defined(self, name: str) -> bool:
        return name in self.flow.defined

    # calls

    def _call(self, node: ast.Call, scope: Scope) -> None:
        functions = self.flow.of(node.func)
        paths = [path for kind, path in functions if kind == "lib"]
        for path in paths:
            tail = _tail(path)
            if tail in LISTED and _spelled(node.func) != tail:
                self.report(node, f"Forbidden attribute: {tail}", DUNDER_WHY, DUNDER_FIX)
            self._known_call(node, path, scope)
        self._options_anywhere(node, functions)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in {"query", "eval"}:
                self._table_text(node, scope, paths)
            elif node.func.attr in tables.ATTRIBUTES_BY_TEXT:
                self._methods_by_text(node)
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in {"run", "run_async"}
            and any(path.startswith("ffmpeg") for path in paths)
        ):
            return

    def _known_call(self, node: ast.Call, path: str, scope: Scope, arguments: list[ast.expr] | None = None) -> None:
        arguments = node.args if arguments is None else arguments
        if path in {"functools.partial", "functools.partialmethod", "asyncio.to_thread", "operator.call"} and arguments:
            for kind, inner in self.flow.of(arguments[0]):
                if kind == "lib":
                    self._known_call(node, inner, scope, arguments[1:])
            return
        if path in {"operator.attrgetter", "operator.methodcaller"}:
            self._named_attributes(node, arguments if path.endswith("attrgetter") else arguments[:1])
        for pattern, keyword, position, safe, missing in libraries.OPTIONS:
            if re.fullmatch(pattern, path):
                self._option(node, path, (keyword, position, safe, missing), arguments)
        if path in libraries.TEXT_FUNCTIONS:
            names, language = libraries.TEXT_FUNCTIONS[path]
            self._text_arguments(node, names, language, scope, arguments)
        if path in libraries.TYPE_FUNCTIONS:
            for argument in [*arguments, *(keyword.value for keyword in node.keywords)]:
                self._annotation(argument, scope)
        if path in {"types.FunctionType", "types.LambdaType"}:
            self._door(node, path, libraries.CODE)
        if path in {"yaml.load", "yaml.load_all"}:
            self._yaml(node, arguments)
        if path == "pandas.set_option" and arguments:
            self._pandas_option(node, arguments[0])

    def _pandas_option(self, node: ast.Call, name: ast.expr) -> None:
        """The option that names a plotting backend imports the module of that name."""
        if any(kind == "txt" and "backend" in str(text) for kind, text in self.flow.of(name)):
            self._door(node, "pandas.set_option", libraries.CODE)

    def _door(self, node: ast.AST, name: str, why: str) -> None:
        self.report(node, f"Forbidden function: {name}", why, tables.DANGEROUS_FIXES[why])

    def _named_attributes(self, node: ast.Call, arguments: list[ast.expr]) -> None:
        for argument in arguments:
            texts = [text for kind, text in self.flow.of(argument) if kind == "txt"]
            bad = [text for text in texts if UNKNOWN_TEXT in text or any(_risky(part) for part in text.split("."))]
            if bad or not texts:
                shown = bad[0] if bad and UNKNOWN_TEXT not in bad[0] else "a computed name"
                why = "it reaches attributes by a name in a text"
                self.report(node, f"Forbidden attribute: {shown}", why, "Write the attribute out")

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
            if not (
                isinstance(given, ast.Constant)
                and any(given.value is value or (given.value == value and isinstance(value, str)) for value in safe)
            ):
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
                        return keyword in names or keyword not in {"format", "cmd", "filename", "uds"}
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

    # text that is code

    def _text_arguments(
        self, node: ast.Call, names: list[str], language: str, scope: Scope, arguments: list[ast.expr]
    ) -> None:
        given = dict(zip(names, arguments, strict=False))
        given |= {item.arg: item.value for item in node.keywords if item.arg in names}
        for argument in given.values():
            self._text(argument, language, scope, certain=True)

    def _table_text(self, node: ast.Call, scope: Scope, paths: list[str]) -> None:
        """`x.query(text)` and `x.eval(text)` of an object that may be a DataFrame."""
        if any(path in libraries.TEXT_FUNCTIONS for path in paths):
            return
        for argument in [*node.args[:1], *(item.value for item in node.keywords if item.arg == "expr")]:
            self._text(argument, "pandas", scope, certain=False)

    def _methods_by_text(self, node: ast.Call) -> None:
        """`frame.agg("name")` calls the method of that name."""
        for argument in [*node.args, *(item.value for item in node.keywords)]:
            for kind, what in self.flow.of(argument):
                texts = (
                    [what]
                    if kind == "txt"
                    else [text for inner, text in what if inner == "txt"]
                    if kind == "box"
                    else []
                )
                for text in texts:
                    if text.startswith("_") or text in tables.INTERNAL_ATTRIBUTES:
                        self.report(
                            argument,
                            f"Private attribute: {text}",
                            "it is reached by its name in a text",
                            "Use the public name",
                        )

    def _text(self, argument: ast.expr, language: str, scope: Scope, certain: bool) -> None:
        values = self.flow.of(argument)
        texts = [str(text) for kind, text in values if kind == "txt"]
        if (
            certain
            and not texts
            and not any(kind == "def" for kind, _ in values)
            and not isinstance(argument, ast.Lambda)
        ):
            self.report(argument, "Computed code text", TEXT_WHY, "Write the text out, or use a function")
        for text in texts:
            if UNKNOWN_TEXT in text and certain:
                self.report(argument, "Computed code text", TEXT_WHY, "Write the text out", "warning")
            text = text.replace(UNKNOWN_TEXT, "0")
            if language == "template":
                self._template(argument, text)
                continue
            if language == "pandas":
                text = re.sub(r"`[^`]*`", "column", text).replace("@", "")
                text = re.sub(r"\s+", " ", text).strip()
            self._code(argument, text, "exec", scope, required=certain)

    def _template(self, argument: ast.expr, text: str) -> None:
        """Templates are code of their own; plain placeholders, loops and filters pass."""
        if re.search(r"__|\|\s*attr\b|\._|\[\s*['\"]_|\b(cycler|joiner|namespace|lipsum|self|config)\b\s*[.\[(]", text):
            self.report(argument, "Forbidden template", TEXT_WHY, "Use plain placeholders")

    def _annotation(self, root: ast.expr, scope: Scope) -> None:
        """Texts inside a type are forward references: Python evaluates them when asked for the type."""
        stack: list[ast.expr] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Constant):
                if isinstance(node.value, str):
                    self._code(node, node.value, "eval", scope, required=False)
            elif isinstance(node, ast.Subscript):
                name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
                if name == "Literal":
                    continue
                inner = node.slice
                if name == "Annotated" and isinstance(inner, ast.Tuple) and inner.elts:
                    stack.append(inner.elts[0])
                else:
                    stack.append(inner)
                stack.append(node.value)
            elif isinstance(node, (ast.Call, ast.Attribute, ast.JoinedStr, ast.Name, ast.BinOp)):
                for kind, text in self.flow.of(node):
                    if kind == "txt":
                        self._code(node, str(text).replace(UNKNOWN_TEXT, "x"), "eval", scope, required=False)
                if isinstance(node, ast.BinOp):
                    stack.extend([node.left, node.right])
            elif not isinstance(node, ast.Lambda):
                stack.extend(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))

    def _code(self, place: ast.expr, text: str, mode: str, scope: Scope, required: bool) -> None:
        """Judge a text as code in its scope; what is reported stands at the text's place."""
        if text.isidentifier() and not DUNDER.fullmatch(text) and text not in tables.FORBIDDEN_BUILTINS:
            return
        from plugin_sdk.scanner.source import Unreadable, depth_over, looks_hostile, parse

        if len(text) > MAX_CODE_TEXT or looks_hostile(text.encode("utf-8", "replace")) or self._depth > 3:
            self.report(place, "Code nested too deeply", TEXT_WHY, "Write the code as a function")
            return
        try:
            source = text.strip() if mode == "exec" else f"({text.strip()}\n)"
            tree = parse(self.module.file, source.encode("utf-8", "surrogatepass"))
        except Unreadable:
            if required:
                self.report(place, "Invalid code text", TEXT_WHY, "Write valid Python", "warning")
            return
        if depth_over(tree, 100):
            self.report(place, "Code nested too deeply", TEXT_WHY, "Write the code as a function")
            return
        self._judge_tree(place, tree, scope)

    def _judge_tree(self, place: ast.expr, tree: ast.Module, scope: Scope) -> None:
        module = Module(self.module.file, self.module.name, self.module.is_package, tree)
        module.stars = self.module.stars
        module.scope.parent = scope
        module.scope.kind = "function"
        Flattener(module).run()
        for unit in [*module.units, *module.units]:
            self.flow.evaluate(unit)
        inner = Rules(self.flow, module, self.lines)
        inner._anchor, inner._depth = self._anchor or place, self._depth + 1
        self.found.extend(inner.run())

    # stores, subscripts, constants

    def _subscript(self, node: ast.Subscript, scope: Scope) -> None:
        if isinstance(self.module.parents.get(node), ast.arg):
            return
        for kind, path in self.flow.of(node.value):
            if kind == "lib":
                tail = _tail(path)
                if tail in LISTED and (_spelled(node.value) != tail or self.module.parents.get(node.value) is not node):
                    self.report(node, f"Forbidden attribute: {tail}", DUNDER_WHY, DUNDER_FIX)
                if path.startswith("typing.") and not path.startswith(("typing.Literal", "typing.Annotated")):
                    self._annotation(node.slice, scope)

    def _store(self, target: ast.expr, extra: tuple[ast.expr | None, bool], scope: Scope) -> None:
        """An attribute or item of something is changed or deleted."""
        base = target.value  # type: ignore[attr-defined]
        if isinstance(target, ast.Subscript):
            self._stored_item(target, extra[0])
        for kind, path in self.flow.of(base):
            if kind != "lib":
                continue
            tail = _tail(path)
            if path in tables.CHANGEABLE:
                self.verdict(target, _state_change(path))
            elif tail in LISTED:
                self.report(target, f"Forbidden attribute: {tail}", DUNDER_WHY, DUNDER_FIX)
            elif isinstance(target, ast.Subscript) or "(" in path or "[" in path or path.startswith("?"):
                continue
            elif path in tables.PROCESS_MODULES:
                self.verdict(target, _state_change(f"{path}.{target.attr}"))  # type: ignore[attr-defined]
            elif self._is_code(extra[0], path):
                why = "a changed library changes what others run"
                self.report(target, f"Changed library: {path}", why, "Wrap the function in one of your own")
        if isinstance(target, ast.Attribute):
            name = target.attr
            if name == "backend" and any(str(path).endswith("plotting") for _, path in self.flow.of(base)):
                self._door(target, "pandas.options.plotting.backend", libraries.CODE)
            if DUNDER.fullmatch(name) and name not in {"__doc__", "__name__", "__qualname__", "__module__", "__slots__", "__notes__"} | {
                "__cause__", "__context__", "__suppress_context__", "__signature__", "__wrapped__",
            }:  # fmt: skip
                self.report(target, f"Forbidden attribute: {name}", DUNDER_WHY, "Define it in the class body")
            elif name in tables.INTERNAL_ATTRIBUTES:
                self.report(
                    target, f"Forbidden attribute: {name}", DUNDER_WHY, "Leave the interpreter's internals alone"
                )
            else:
                paths = [path for kind, path in self.flow.of(base) if kind == "lib" and not path.startswith("?")]
                if name.startswith("_") and any("(" not in path for path in paths):
                    self.report(
                        target,
                        f"Private attribute: {name}",
                        "private names belong to the object's own code",
                        "Use the public name",
                    )

    def _stored_item(self, target: ast.Subscript, source: ast.expr | None) -> None:
        if _spelled(target.value) == "__annotations__":
            self.report(
                target,
                "Forbidden attribute: __annotations__",
                "annotations are evaluated as code",
                "Write the annotation out",
            )
        for kind, text in self.flow.of(target.slice):
            if kind == "txt" and text in libraries.ANYWHERE_OPTIONS and text != "shell":
                self._option_value(target, str(text), source)

    def _option_value(self, node: ast.AST, name: str, value: ast.expr | None) -> None:
        safe = libraries.ANYWHERE_OPTIONS[name]
        if not (isinstance(value, ast.Constant) and any(value.value is constant for constant in safe)):
            self.report(node, f"Unsafe option: {name}", "its value can make the call run code", f"Leave {name} out")

    def _dict(self, node: ast.Dict, scope: Scope) -> None:
        """Options may be kept in a dict and unpacked later."""
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                for kind, path in self.flow.of(value):
                    if kind == "lib" and _tail(path) in LISTED:
                        self.report(value, f"Forbidden attribute: {_tail(path)}", DUNDER_WHY, DUNDER_FIX)
            if isinstance(key, ast.Constant) and key.value in ("trust_remote_code", "uds"):
                self._option_value(node, str(key.value), value)

    def _is_code(self, source: ast.expr | None, path: str) -> bool:
        """Whether what is stored into a library may be something that can be called."""
        if source is None:
            return True
        if isinstance(source, (ast.Lambda, ast.Call, ast.Name)) and not self.flow.of(source):
            return not any(part in path.split(".") for part in tables.LIBRARY_SETTINGS)
        return any(
            kind in {"def", "cls", "obj"}
            or (kind == "lib" and "(" not in path and path.rsplit(".", 1)[-1] not in {"inf", "nan", "pi"})
            for kind, path in self.flow.of(source)
        )

    def _constant(self, node: ast.expr, scope: Scope) -> None:
        """Texts: format fields that reach attributes, and addresses."""
        if node in self._docstrings:
            return
        self._internal_text(node)
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, str):
                return
            texts = [node.value[:100_000]]
        else:
            texts = [str(text) for kind, text in self.flow.of(node) if kind == "txt"]
        for text in texts:
            if "{" in text:
                for field in FIELD.findall(text):
                    self._field(node, field)
            if (":" in text or "." in text) and len(text) > 6:
                address = forbidden_address(text.replace(UNKNOWN_TEXT, "x"))
                if address is not None:
                    why = "it is an address of the machine itself or of its cloud"
                    self.report(node, f"Forbidden address: {address}", why, "Call public addresses only")

    def _internal_text(self, node: ast.expr) -> None:
        """The name of an internal attribute, given to a function as text."""
        parent = self.module.parents.get(node)
        if isinstance(parent, (ast.Call, ast.List, ast.Tuple, ast.Dict, ast.Subscript, ast.BinOp)):
            for kind, text in self.flow.of(node):
                if kind == "txt" and text in tables.INTERNAL_TEXTS:
                    self.report(
                        node, f"Forbidden attribute: {text}", "it is reached by its name in a text", "Leave it out"
                    )

    def _field(self, node: ast.expr, field: str) -> None:
        """`{0.name[key]}` reads attributes and items of what is formatted."""
        names = re.split(r"\s*([.\[])", field)
        steps = list(zip(names[1::2], (name.rstrip("] ") for name in names[2::2]), strict=True))
        for position, (mark, name) in enumerate(steps):
            internal = name in tables.INTERNAL_ATTRIBUTES
            if mark == "[" and not internal:
                continue
            if name in LISTED:
                reached_on = [mark for mark, later in steps[position + 1 :] if mark == "[" or later.startswith("_")]
                if reached_on or not DUNDER.fullmatch(name):
                    self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, "Format plain values")
                else:
                    self.report(node, f"Dunder attribute: {name}", DUNDER_WHY, DUNDER_FIX, "warning")
            elif internal or (
                name.startswith("_") and name not in ORDINARY_DUNDERS | tables.SAFE_PRIVATE and not self._defined(name)
            ):
                self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, "Format plain values")

    def _text_node(self, node: ast.expr, scope: Scope) -> None:
        self._constant(node, scope)

    def _call_node(self, node: ast.Call, scope: Scope) -> None:
        self._call(node, scope)
        if any(kind == "txt" for kind, _ in self.flow.of(node)):
            self._constant(node, scope)


def _state_change(path: str) -> Verdict:
    return Verdict(
        f"Forbidden change: {path}",
        "error",
        "the state of the whole process belongs to the host",
        "Keep settings in your config",
    )


def _spelled(node: ast.expr) -> str:
    """The last name that an expression writes out."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _tail(path: str) -> str:
    """The last name of a path, without the marks of calls of pass-through functions and of subscripts."""
    return path.rsplit(".", 1)[-1].replace("[]", "")


def _listed_parts(path: str) -> bool:
    return any(part.replace("[]", "").replace("()", "") in LISTED for part in path.split("."))


def _risky(part: str) -> bool:
    name = part.strip()
    return (
        name.startswith("_") or name in tables.INTERNAL_ATTRIBUTES or name in tables.DOORS or name in tables.REACHED_FUNCTIONS
        or name in tables.FORBIDDEN_BUILTINS or name in {"system", "popen", "mro"} or (is_known(name) and name not in libraries.LIBRARY_OWN_NAMES)
    )  # fmt: skip


HANDLERS = {
    ast.Name: Rules._name,
    ast.Attribute: Rules._attribute,
    ast.Call: Rules._call_node,
    ast.Subscript: Rules._subscript,
    ast.Constant: Rules._constant,
    ast.Dict: Rules._dict,
    ast.JoinedStr: Rules._text_node,
    ast.BinOp: Rules._text_node,
}
