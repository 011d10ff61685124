"""Lean: keeps pandas out of a process that has no use for it, if it is imported first.

pyarrow imports pandas as soon as it finds it, to take and give frames: 32 MB, and a third of a second of a start. It
looks once; whoever imports pandas later gets it all the same.
"""

import sys
from importlib.abc import MetaPathFinder
from typing import Any


class Absent(MetaPathFinder):
    """Makes one module impossible to find."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Nothing, for any other module.

        Raises:
            ModuleNotFoundError: it is the one.
        """
        if fullname == self._name:
            raise ModuleNotFoundError(f"No module named {fullname!r} yet", name=fullname)


if "pandas" not in sys.modules:
    absent = Absent("pandas")
    sys.meta_path.insert(0, absent)
    try:
        import pyarrow.dataset  # noqa: F401
    finally:
        sys.meta_path.remove(absent)
