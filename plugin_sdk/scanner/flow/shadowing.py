"""Whether a name of the plugin's own surely stands in front of a builtin where it is read."""

import ast


def bound_before(body: list[ast.stmt], load: ast.Name, inside_function: bool = False) -> bool:
    """Whether a statement of the block itself surely binds the name before the load can run."""
    for statement in body:
        if _binds(statement, load.id):
            return True
        if inside_function and not _runs_code(statement):
            continue
        if (statement.end_lineno or 0) >= load.lineno or inside_function:
            return False
    return False


def _binds(statement: ast.stmt, name: str) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name == name
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return any((alias.asname or alias.name.split(".")[0]) == name for alias in statement.names)
    if isinstance(statement, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
    return False


def _runs_code(statement: ast.stmt) -> bool:
    """Whether a top-level statement may call one of the module's functions while the module is imported."""
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Pass)):
        return False
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        if statement.decorator_list:
            return True
        if not isinstance(statement, ast.ClassDef):
            return False
        return any(_runs_code(inner) for inner in statement.body)
    return any(
        isinstance(node, (ast.Call, ast.Subscript, ast.BinOp, ast.With, ast.For)) for node in ast.walk(statement)
    )
