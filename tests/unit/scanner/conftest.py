"""Short ways to scan one piece of source."""

from collections.abc import Callable
from textwrap import dedent

import pytest

from plugin_sdk.scanner import Violation, scan_files

Scan = Callable[..., list[Violation]]


@pytest.fixture
def scan() -> Scan:
    """Violations of one file `core.py`, with other files beside it if given."""

    def run(source: str | bytes, files: dict[str, str] | None = None, strict: bool = False) -> list[Violation]:
        content = dedent(source).encode() if isinstance(source, str) else source
        others = {name: dedent(text).encode() for name, text in (files or {}).items()}
        return scan_files({"core.py": content, **others}, strict=strict).violations

    return run
