"""The `mixpeek` command: each line below gives one command its module, loaded when the command is called."""

import importlib
import sys
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperGroup

from plugin_sdk.cli.output import fail
from plugin_sdk.errors import PlatformError

GROUPS = {
    "plugin": "Write, test, publish and deploy plugins.",
    "namespace": "The spaces that hold everything else.",
    "bucket": "Where the files are kept.",
    "collection": "Documents, and the extractors that make them.",
    "batch": "Run the extractors over a bucket's objects.",
}
COMMANDS = {
    "up": "up:up",
    "down": "down:down",
    "status": "status:status",
    "search": "search:search",
    "plugin init": "plugin_init:init",
    "plugin test": "plugin_test:test",
    "plugin scan": "plugin_scan:scan",
    "plugin publish": "plugin_publish:publish",
    "plugin list": "plugin_list:list_plugins",
    "plugin show": "plugin_list:show",
    "plugin deploy": "plugin_deploy:deploy",
    "plugin status": "plugin_deploy:status",
    "plugin undeploy": "plugin_deploy:undeploy",
    "plugin delete": "plugin_list:delete",
    "namespace create": "namespace:create",
    "namespace list": "namespace:list_namespaces",
    "namespace delete": "namespace:delete",
    "bucket create": "bucket:create",
    "bucket list": "bucket:list_buckets",
    "bucket upload": "bucket:upload",
    "bucket import": "bucket_import:import_rows",
    "collection create": "collection:create",
    "collection list": "collection:list_collections",
    "collection delete": "collection:delete",
    "batch run": "batch:run",
    "batch list": "batch:list_batches",
    "batch status": "batch:status",
}
"""What is typed -> `module:function` in this package."""


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    prefix = ""

    def list_commands(self, ctx: Any) -> list[str]:
        own = [name.removeprefix(self.prefix) for name in COMMANDS if name.startswith(self.prefix)]
        return [name for name in own if " " not in name] + ([] if self.prefix else list(GROUPS))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if not self.prefix and cmd_name in GROUPS:
            return _group(cmd_name)
        place = COMMANDS.get(self.prefix + cmd_name)
        return _command(cmd_name, place) if place else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant; one that there isn't is told with those that may have been."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"No such command {name!r}. {suggestion(self.prefix, name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def suggestion(prefix: str, typed: str, known: list[str]) -> str:
    """What to type in place of a command that there isn't: one spelled like it, one of that name elsewhere, or any."""
    here = [f"mixpeek {prefix}{name}" for name in get_close_matches(typed, known)]
    elsewhere = [f"mixpeek {command}" for command in COMMANDS if command.split()[-1] == typed]
    if meant := here or elsewhere:
        return f"Did you mean {' or '.join(repr(command) for command in meant)}?"
    return f"There are: {', '.join(known)}."


def _group(name: str) -> LazyGroup:
    kind = type(f"{name.title()}Group", (LazyGroup,), {"prefix": f"{name} "})
    group: LazyGroup = kind(name=name, help=GROUPS[name], no_args_is_help=True)
    return group


def _command(name: str, place: str) -> Any:
    module, _, function = place.partition(":")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(getattr(importlib.import_module(f"plugin_sdk.cli.{module}"), function))
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line; a PlatformError is told as problem and fix, with exit code 1."""
    group = LazyGroup(
        name="mixpeek", help="Custom feature-extraction plugins, on your own machines.", no_args_is_help=True
    )
    try:
        group(prog_name="mixpeek")
    except PlatformError as error:
        with suppress(typer.Exit):
            fail(error)
        sys.exit(1)


if __name__ == "__main__":
    main()
