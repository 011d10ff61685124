"""The rules: every expression and import of a module, looked at with what it may be."""

from plugin_sdk.scanner.rules.rules import Rules

__all__ = ["Rules"]
