"""Which changes of the environment are harmless: variables that only tune or quieten a library, named in the code."""

import ast

from plugin_sdk.scanner.flow import Flow
from plugin_sdk.scanner.scopes import Module
from plugin_sdk.scanner.tables import HARMLESS_VARIABLES


def harmless_item(target: ast.AST, module: Module, flow: Flow) -> bool:
    """Whether `os.environ[name] = …` or `del os.environ[name]` names a harmless variable."""
    return isinstance(target, ast.Subscript) and _harmless(target.slice, module, flow)


def harmless_method(method: ast.AST, module: Module, flow: Flow) -> bool:
    """Whether `os.environ.setdefault(name, …)` and the like name harmless variables alone."""
    call = module.parents.get(method)
    if not isinstance(method, ast.Attribute) or not isinstance(call, ast.Call) or call.func is not method:
        return False
    if method.attr == "update":
        return _harmless_update(call)
    return method.attr in {"setdefault", "pop"} and bool(call.args) and _harmless(call.args[0], module, flow)


def _harmless_update(call: ast.Call) -> bool:
    keywords = all(item.arg in HARMLESS_VARIABLES for item in call.keywords)
    return keywords and all(
        isinstance(given, ast.Dict) and all(_named(key) for key in given.keys) for given in call.args
    )


def _harmless(name: ast.expr, module: Module, flow: Flow) -> bool:
    return _named(name) or (isinstance(name, ast.Name) and _looped(name, module, flow))


def _named(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value in HARMLESS_VARIABLES


def _looped(name: ast.Name, module: Module, flow: Flow) -> bool:
    """Whether the name is bound by loops over harmless names alone, wherever the module binds it."""
    nodes = list(ast.walk(module.tree))
    loops = [node for node in nodes if isinstance(node, ast.For) and _plain_loop(node, name.id)]
    bindings = [node for node in nodes if _binds(node, name.id)]
    values = [inner for kind, what in flow.of(name) for inner in (what if kind == "box" else [(kind, what)])]
    known = all(kind == "txt" and text in HARMLESS_VARIABLES for kind, text in values)
    return known and bool(loops) and len(bindings) == len(loops)


def _plain_loop(node: ast.For, name: str) -> bool:
    named = isinstance(node.target, ast.Name) and node.target.id == name
    return named and isinstance(node.iter, (ast.Tuple, ast.List)) and all(map(_named, node.iter.elts))


def _binds(node: ast.AST, name: str) -> bool:
    """Whether a node gives the name a value, or may give it one from elsewhere."""
    match node:
        case ast.Name(id=other, ctx=ctx):
            return other == name and not isinstance(ctx, ast.Load)
        case ast.alias(name=other, asname=known):
            return name in {known, other.split(".")[0]} or other == "*"
        case ast.arg(arg=other) | ast.ExceptHandler(name=other) | ast.MatchAs(name=other) | ast.MatchStar(name=other):
            return other == name
        case ast.MatchMapping(rest=other):
            return other == name
        case ast.FunctionDef(name=other) | ast.AsyncFunctionDef(name=other) | ast.ClassDef(name=other):
            return other == name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return name in names
    return False
