"""The security scanner: decides from a plugin's files alone, without running them, whether it may come in."""

from plugin_sdk.scanner.report import Report, Violation
from plugin_sdk.scanner.scan import scan_archive, scan_files, scan_folder

__all__ = ["Report", "Violation", "scan_archive", "scan_files", "scan_folder"]
