"""`mixpeek plugin init`: a new plugin's folder, which passes `plugin test` as it is."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.output import Format, emit, fail, say
from plugin_sdk.errors import InvalidManifest, PlatformError
from plugin_sdk.manifest.names import normalise_name

MIN_NAME = 3


class Category(StrEnum):
    """What a plugin is for; each has its own start."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    MULTIMODAL = "multimodal"


def init(
    name: Annotated[str, typer.Argument(help="Letters, digits, '_' and '-'; '-' becomes '_'.")],
    category: Annotated[Category, typer.Option("--category", help="What the plugin processes.")] = Category.TEXT,
    description: Annotated[str, typer.Option("--description", help="One sentence.")] = "",
    author: Annotated[str, typer.Option("--author", help="Who writes it.")] = "",
    output: Annotated[
        Path, typer.Option("--output", help="Where the plugin's folder is made.", file_okay=False)
    ] = Path(),
    format: options.Output = Format.TEXT,
) -> None:
    """Create a plugin from a template.

    Example: mixpeek plugin init my_extractor --category text
    """
    from plugin_sdk.scaffold import create_plugin

    try:
        normal = normalise_name(_long_enough(name))
    except InvalidManifest as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
    folder = output / (name if len(name) < MIN_NAME else normal)
    if len(name) < MIN_NAME:
        say(f"A plugin's name has {MIN_NAME} characters or more: this one is called {normal}.", format)
    try:
        files = create_plugin(folder, normal, category.value, description, author)
    except OSError as error:
        fail(
            PlatformError(f"{folder} can't be written: {error.strerror}.", "Choose another place with --output."),
            format,
        )
    except PlatformError as error:
        fail(error, format)
    made = {"name": normal, "category": category.value, "path": str(folder), "files": _relative(files, folder)}
    listed = "\n".join(f"  {file}" for file in _relative(files, folder))
    emit(made, f"Created {folder}\n{listed}\nNext: cd {folder} && mixpeek plugin test", format)


def _long_enough(name: str) -> str:
    """A name of one or two letters, completed: `x` becomes `x_extractor`; any other as it is."""
    return f"{name}_extractor" if 0 < len(name) < MIN_NAME else name


def _relative(files: list[Path], folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]
