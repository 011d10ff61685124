"""The published tables, rule by rule, with message, line and column."""

import pytest

from plugin_sdk.scanner import scan_files
from plugin_sdk.scanner.tables import ALLOWED_IMPORTS, FORBIDDEN_BUILTINS, WARNING_DUNDERS


def first(violations):
    return (violations[0].line, violations[0].column, violations[0].message, violations[0].severity)


def test_violation_has_the_published_shape_and_place():
    source = "\n" * 14 + "import subprocess\n"

    report = scan_files({"processors/core.py": source.encode()})

    assert not report.passed
    assert [violation.as_dict() for violation in report.violations] == [
        {
            "file": "processors/core.py",
            "line": 15,
            "column": 0,
            "message": "Forbidden import: subprocess",
            "severity": "error",
        }
    ]
    assert report.violations[0].why and report.violations[0].fix


@pytest.mark.parametrize(
    "module",
    [
        "subprocess",
        "ctypes",
        "pty",
        "fcntl",
        "resource",
        "multiprocessing",
        "threading",
        "socket",
        "commands",
        "popen2",
    ],
)
def test_listed_modules_are_refused_in_every_form_of_import(scan, module):
    expected = (1, 0, f"Forbidden import: {module}", "error")

    assert first(scan(f"import {module}\n")) == expected
    assert first(scan(f"import {module} as m\n")) == expected
    assert first(scan(f"from {module} import x\n")) == expected
    assert first(scan(f"from {module} import *\n")) == expected
    assert first(scan(f"def f():\n    import {module}\n"))[1:] == (4, f"Forbidden import: {module}", "error")


@pytest.mark.parametrize(
    "module",
    sorted(
        {name for names in ALLOWED_IMPORTS.values() for name in names} - {"shared.models.loader.load_namespace_model"}
    ),
)
def test_allowed_modules_pass_even_in_strict_mode(scan, module):
    assert scan(f"import {module}\n", strict=True) == []


@pytest.mark.parametrize("name", FORBIDDEN_BUILTINS)
def test_forbidden_builtins_are_refused_called_or_not(scan, name):
    assert first(scan(f"x = {name}('a')\n")) == (1, 4, f"Forbidden builtin: {name}", "error")
    assert first(scan(f"x = [{name}]\n")) == (1, 5, f"Forbidden builtin: {name}", "error")


OS = ["system", "popen", "spawnl", "spawnvpe", "execv", "execle", "fork", "forkpty", "kill", "killpg", "posix_spawn"]
FUNCTIONS = [f"os.{name}" for name in OS] + [
    "importlib.import_module",
    "pickle.loads",
    "pickle.load",
    "marshal.loads",
    "marshal.load",
]


@pytest.mark.parametrize("path", FUNCTIONS)
def test_forbidden_functions_are_refused_through_attribute_alias_and_import(scan, path):
    module, name = path.split(".")

    for source in (f"import {module}\n{path}('x')\n", f"import {module} as m\nm.{name}('x')\n"):
        assert (2, 0, f"Forbidden function: {path}", "error") in [first([violation]) for violation in scan(source)]
    assert f"Forbidden import: {path}" in [
        violation.message for violation in scan(f"from {module} import {name} as n\n")
    ]


@pytest.mark.parametrize("module", ["pickle", "marshal", "shelve"])
def test_discouraged_modules_warn_and_fail_in_strict_mode(module):
    source = {"core.py": f"import {module}\n".encode()}

    report, strict = scan_files(source), scan_files(source, strict=True)

    assert [violation.severity for violation in report.violations] == ["warning"]
    assert (report.passed, strict.passed) == (True, False)


@pytest.mark.parametrize("name", WARNING_DUNDERS)
def test_listed_dunders_warn_when_read_and_are_refused_when_used(scan, name):
    assert first(scan(f"def f(x):\n    return x.{name}\n")) == (2, 11, f"Dunder attribute: {name}", "warning")
    assert first(scan(f"def f(x):\n    return x.{name}()\n")) == (2, 11, f"Forbidden attribute: {name}", "error")
    assert first(scan(f"def f(x):\n    return x.{name}[0]\n")) == (2, 11, f"Forbidden attribute: {name}", "error")


def test_unknown_library_warns_and_is_an_error_in_strict_mode(scan):
    assert first(scan("import sklearn\n")) == (1, 0, "Unknown import: sklearn", "warning")
    assert first(scan("import sklearn\n", strict=True)) == (1, 0, "Unknown import: sklearn", "error")


def test_all_violations_come_at_once_and_sorted(scan):
    violations = scan("eval('1')\nimport socket\nx = open('f')\n", {"a.py": "import pty\n"})

    assert [(violation.file, violation.line) for violation in violations] == [
        ("a.py", 1),
        ("core.py", 1),
        ("core.py", 2),
        ("core.py", 3),
    ]


def test_column_counts_characters_where_the_line_is_not_ascii(scan):
    assert first(scan("x = 'größe', eval\n"))[:2] == (1, 13)


EXACT = {
    "import subprocess": [(1, 0, "Forbidden import: subprocess", "error")],
    "from subprocess import run": [(1, 0, "Forbidden import: subprocess", "error")],
    "import json, subprocess": [(1, 0, "Forbidden import: subprocess", "error")],
    "from os import system": [(1, 0, "Forbidden import: os.system", "error")],
    "from os import (\n  path,\n  system)": [(1, 0, "Forbidden import: os.system", "error")],
    "import os\nif 1:\n    x = os.system('ls')": [(3, 8, "Forbidden function: os.system", "error")],
    "import os\nos.\\\nsystem('x')": [(2, 0, "Forbidden function: os.system", "error")],
    "x = [eval('1')]": [(1, 5, "Forbidden builtin: eval", "error")],
    "f(\n  a,\n  eval(\n   b))": [(3, 2, "Forbidden builtin: eval", "error")],
    "@eval\ndef f(): pass": [(1, 1, "Forbidden builtin: eval", "error")],
    "def f():\n    with open('a') as g:\n        pass": [(2, 9, "Forbidden builtin: open", "error")],
    "y = 1 + getattr(a, 'b')": [(1, 8, "Forbidden builtin: getattr", "error")],
    "import pickle\nz = pickle.loads(b)": [
        (1, 0, "Discouraged import: pickle", "warning"),
        (2, 4, "Forbidden function: pickle.loads", "error"),
    ],
    "x = a.b.__class__": [(1, 4, "Dunder attribute: __class__", "warning")],
    "x = (\n a\n .__globals__['x'])": [(2, 1, "Forbidden attribute: __globals__", "error")],
    "import importlib\nimportlib.import_module('os')": [(2, 0, "Forbidden function: importlib.import_module", "error")],
}


@pytest.mark.parametrize("source", EXACT)
def test_message_line_and_column_are_exact(scan, source):
    assert [(v.line, v.column, v.message, v.severity) for v in scan(source.encode() + b"\n")] == EXACT[source]
