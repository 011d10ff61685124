"""`python -m infra.local up|down|status`: the platform on this machine, from any folder."""

import argparse
import json
import os
import sys
import time
from typing import Any

from infra.local.commands import down, status, up
from infra.local.environment import EMULATOR_PORT, GATEWAY_PORT
from infra.local.home import Home
from plugin_sdk.errors import PlatformError


def main(arguments: list[str] | None = None) -> int:
    """Do what the arguments say; 0, or 1 where it failed or nothing runs."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, Home.of()))
    except PlatformError as error:
        print(error.problem, file=sys.stderr)
        print(error.fix, file=sys.stderr)
        return 1


def _up(options: argparse.Namespace, home: Home) -> int:
    begun = time.monotonic()
    told = up(home, options.port, options.emulator_port, lambda step: print(f"  {step} …", file=sys.stderr))
    if options.format == "json":
        _print_json(told)
        return 0
    done = f"ready in {time.monotonic() - begun:.1f} s" if told["started"] else "running already"
    print(f"OpenPeek is {done}.")
    _print_places(told, home, whole_key=told["new_key"])
    return 0


def _down(options: argparse.Namespace, home: Home) -> int:
    stopped = down(home)
    if options.format == "json":
        _print_json({"stopped": stopped})
    else:
        print("OpenPeek is stopped." if stopped else "OpenPeek was not running.")
    return 0


def _status(options: argparse.Namespace, home: Home) -> int:
    told = status(home)
    working = told["running"] and set(told["services"].values()) == {"running"}
    if options.format == "json":
        _print_json(told)
        return 0 if working else 1
    print("OpenPeek is running." if told["running"] else "OpenPeek is not running; 'mixpeek up' starts it.")
    for name, state in told["services"].items():
        print(f"  {name:<10} {state}")
    for problem in told["problems"]:
        print(f"  {problem}")
    if told["running"]:
        _print_places(told, home, whole_key=False)
    return 0 if working else 1


def _print_places(told: dict[str, Any], home: Home, *, whole_key: bool) -> None:
    key = told["api_key"] if whole_key else f"{told['api_key'][:7]}…  (whole in {home.profile_file})"
    rows = {"address": told["base_url"], "namespace": told["namespace"], "API key": key, "logs": home.logs}
    for name, value in rows.items():
        print(f"  {name:<10} {value}")


def _print_json(content: dict[str, Any]) -> None:
    print(json.dumps(content, indent=2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mixpeek", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run, text in (
        ("up", _up, "Start the platform; wait until it works."),
        ("down", _down, "Stop the platform and everything it started."),
        ("status", _status, "Say what runs; exit 1 unless all of it does."),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--format", choices=("text", "json"), default="text")
        command.set_defaults(run=run)
        if name == "up":
            _add_port(command, "--port", "OPENPEEK_PORT", GATEWAY_PORT, "Port of the API.")
            _add_port(command, "--emulator-port", "OPENPEEK_EMULATOR_PORT", EMULATOR_PORT, "Port of the local AWS.")
    return parser


def _add_port(command: argparse.ArgumentParser, flag: str, variable: str, default: int, text: str) -> None:
    value = os.environ.get(variable) or str(default)
    command.add_argument(flag, type=_port, default=value, help=f"{text} (${variable}, else {default})")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}, given or in the environment, is no port; 1 to 65535 are")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
