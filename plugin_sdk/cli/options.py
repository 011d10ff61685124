"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

from plugin_sdk.cli.output import Format

Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace id or name; else MIXPEEK_NAMESPACE, else the profile."),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", help="Address of the platform; else MIXPEEK_BASE_URL, else the profile.")
]
ApiKey = Annotated[str | None, typer.Option("--api-key", help="API key; else MIXPEEK_API_KEY, else the profile.")]
Output = Annotated[Format, typer.Option("--format", help="text for people, json for programs.")]
PluginPath = Annotated[Path, typer.Option("--path", help="Plugin folder.", file_okay=False, exists=True)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and pack, upload nothing.")]
PluginId = Annotated[str, typer.Argument(help="Plugin id, e.g. my_extractor_1_0_0.")]
Bucket = Annotated[str, typer.Option("--bucket", "-b", help="Bucket id or name.")]
