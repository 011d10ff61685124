"""The functions' archives: the same code gives the same bytes, and nothing that a Lambda does not need is in them."""

import io
import zipfile

from infra.lambdas import code_archive


def test_same_code_gives_the_same_archive():
    assert code_archive().key == code_archive().key


def test_archive_holds_the_code_and_neither_the_cli_nor_the_engine():
    names = zipfile.ZipFile(io.BytesIO(code_archive().data)).namelist()

    assert {"functions/api/app.py", "core/settings.py", "plugin_sdk/errors.py"} <= set(names)
    assert not [n for n in names if n.startswith(("batch/", "plugin_sdk/cli/", "plugin_sdk/templates/"))]
    assert not [n for n in names if "__pycache__" in n]
