"""Names: which variable, module, library or builtin a load of a name means."""

import ast

from plugin_sdk.scanner.flow.memory import Memory
from plugin_sdk.scanner.flow.paths import INERT, REACHABLE
from plugin_sdk.scanner.flow.shadowing import bound_before
from plugin_sdk.scanner.flow.values import BUILTIN_VALUES, BUILTINS, Values
from plugin_sdk.scanner.judge import MODULES, is_known
from plugin_sdk.scanner.scopes import Module, Scope, Value, Var
from plugin_sdk.scanner.tables import FORBIDDEN_BUILTINS

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Names(Memory):
    """Looks names up as Python scopes them, through imports and star imports."""

    def lookup(self, scope: Scope, name: str) -> Var | None:
        """The variable that a load of the name reads; None where it falls through to star imports and builtins."""
        if name in scope.found:
            return scope.found[name]
        here: Scope | None = scope
        while here is not None:
            if name in here.global_names:
                here = here.module.scope
            if name in here.names and (here is scope or here.kind != "class"):
                scope.found[name] = here.names[name]
                return here.names[name]
            here = here.parent
        if self._settled or name in BUILTINS:
            scope.found[name] = None
        return None

    def name(self, node: ast.Name, scope: Scope) -> Values:
        name = node.id
        if name == "classmethod" and not isinstance(scope.module.parents.get(node), DEFINITIONS):
            self.write(self._unclear, {("txt", name)})
        var = scope.found.get(name) or self.lookup(scope, name)
        if name not in BUILTINS:
            if var is not None:
                scope.plain[name] = var
                return self.read(var)
        elif var is None and not scope.module.stars:
            return BUILTIN_VALUES[name]
        found: set[Value] = set(self.read(var)) if var is not None else set()
        if var is None:
            found |= self._starred(scope.module, node.id)
        if node.id in BUILTINS:
            if var is None:
                hidden = any(value[0] != "lib" for value in found)
            else:
                hidden = node.id not in FORBIDDEN_BUILTINS or not self.may_be_builtin(node, scope)
            if not hidden:
                found.add(("lib", f"builtins.{node.id}"))
        if node.id == "__class__" and var is None:
            found.add(("lib", "?.__class__"))
        return frozenset(found)

    def may_be_builtin(self, node: ast.Name, scope: Scope) -> bool:
        """Whether a load of a name that is bound somewhere could still see the builtin."""
        here: Scope | None = scope
        while here is not None and here.kind != "module":
            if node.id in here.names and (here is scope or here.kind != "class"):
                if here.kind != "class":
                    return False
                return not bound_before(here.node.body, node)  # type: ignore[attr-defined]
            here = here.parent
        module = scope.module
        return node.id in module.deleted or not bound_before(module.tree.body, node, scope.kind != "module")

    def _starred(self, module: Module, name: str) -> set[Value]:
        found: set[Value] = set()
        for kind, path in module.stars:
            if kind == "mod":
                found |= self.member(path, name)
            elif name not in BUILTINS:
                found.add(("lib", f"{path}.{name}"))
        return found

    def member(self, module: str, name: str, seen: frozenset[str] = frozenset()) -> set[Value]:
        """A name of one of the plugin's own modules, through star imports too."""
        found: set[Value] = set()
        own = self.modules.get(module)
        if own is not None and module not in seen and len(seen) < 50:
            if name in own.scope.names:
                found |= self.read(own.scope.names[name])
            elif "__getattr__" in own.scope.names:
                for kind, function in tuple(self.read(own.scope.names["__getattr__"])):
                    found |= self.read(function.result) if kind == "def" else set()
            for kind, path in own.stars:
                found |= self.member(path, name, seen | {module}) if kind == "mod" else {("lib", f"{path}.{name}")}
        inner = f"{module}.{name}" if module else name
        if inner in self.modules or inner in self.folders:
            found.add(("mod", inner))
        return found

    def binds(self, module: str, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether one of the plugin's modules binds the name itself or through a star import of its own."""
        own = self.modules.get(module)
        if own is None or module in seen or len(seen) > 50:
            return False
        return name in own.scope.names or any(
            kind == "mod" and self.binds(path, name, seen | {module}) for kind, path in own.stars
        )

    def imported(self, node: ast.Import | ast.ImportFrom, alias: ast.alias, module: Module) -> set[Value]:
        """What an import statement binds to one of its names."""
        if isinstance(node, ast.Import):
            path = alias.name if alias.asname else alias.name.split(".")[0]
            return self.resolve(path)
        source = node.module or ""
        if node.level:
            absolute = module.absolute(node)
            return self.member(absolute, alias.name) if absolute is not None else set()
        found: set[Value] = set()
        for kind, what in self.resolve(source):
            if kind == "mod":
                found |= self.member(what, alias.name)
            elif what.split(".", 1)[0] not in INERT or f"{what}.{alias.name}" in MODULES or alias.name in REACHABLE:
                found.add(("lib", f"{what}.{alias.name}"))
        return found

    def resolve(self, path: str) -> set[Value]:
        """A dotted path from an absolute import: the plugin's own module, else one from outside."""
        found: set[Value] = set()
        if path in self.modules or path in self.folders:
            found.add(("mod", path))
        if not found or is_known(path):
            found.add(("lib", path))
        return found
