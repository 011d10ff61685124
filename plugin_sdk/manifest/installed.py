"""Which packages a manifest's dependencies may name: those of this process, or those that a worker told of itself."""

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

Installed = Callable[[str], bool | None]
"""Whether plugins can import a package where they run; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Packages:
    """Top-level modules, and distributions by their normalised names."""

    modules: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()

    @classmethod
    def here(cls) -> "Packages":
        """What this process can import."""
        found = importlib.metadata.packages_distributions()
        modules = sys.stdlib_module_names | {name for name in found if name.isidentifier()}
        return cls(
            tuple(sorted(name for name in modules if not name.startswith("__"))),
            tuple(sorted({_normal(name) for names in found.values() for name in names})),
        )

    def has(self, package: str) -> bool:
        """Whether a dependency, a module's name or a distribution's, is installed."""
        return package.replace("-", "_") in self.modules or _normal(package) in self.distributions


def importable(package: str) -> bool:
    """Whether this process can import a dependency, a module's name or a distribution's."""
    module = package.replace("-", "_")
    if module.isidentifier() and importlib.util.find_spec(module) is not None:
        return True
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    """Source: PyPA's specification of names and normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()
