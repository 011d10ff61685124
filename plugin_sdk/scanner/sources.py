"""All Python files of a plugin, judged together in this process."""

import contextlib
import gc
from collections.abc import Iterator, Mapping

from plugin_sdk.scanner.flow import Flow, TooTangled
from plugin_sdk.scanner.report import Violation
from plugin_sdk.scanner.rules import Rules
from plugin_sdk.scanner.scopes import Module
from plugin_sdk.scanner.source import Unreadable, parse

MAX_VIOLATIONS = 10_000


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Trees and values live until the end of a scan: looking for garbage among them takes a tenth of its time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@_no_collection()
def judge_sources(sources: Mapping[str, bytes]) -> list[Violation]:
    """Judge Python files together, in this process."""
    found: list[Violation] = []
    modules: list[Module] = []
    lines: dict[str, list[str]] = {}
    for name, content in sources.items():
        try:
            tree = parse(name, content)
        except Unreadable as error:
            found.append(error.violation)
            continue
        dotted = name[:-3].replace("/", ".")
        package = dotted == "__init__" or dotted.endswith(".__init__")
        modules.append(Module(name, dotted.removesuffix("__init__").rstrip(".") if package else dotted, package, tree))
        lines[name] = content.decode("utf-8-sig").splitlines()
    flow = Flow(modules)
    try:
        flow.run()
        for module in modules:
            found += Rules(flow, module, lines[module.file]).run()
            if len(found) > MAX_VIOLATIONS:
                return [*found[:MAX_VIOLATIONS], _many(module.file)]
    except TooTangled:
        found.append(_tangled(modules[0].file))
    finally:
        for module in modules:
            module.release()
    return found


def _tangled(file: str) -> Violation:
    why = "the flow of values does not settle in time"
    return Violation(file, 1, 0, "Code too tangled", "error", "Simplify assignments, or split the plugin", why)


def _many(file: str) -> Violation:
    return Violation(file, 1, 0, "Too many violations", "error", "Fix those that are listed", "the rest is left out")
