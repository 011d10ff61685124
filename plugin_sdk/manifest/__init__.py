"""The manifest: what a plugin accepts, produces and needs, as data that the platform can keep."""

from plugin_sdk.manifest.installed import Installed, Packages, importable
from plugin_sdk.manifest.issues import Issue, ManifestIssues
from plugin_sdk.manifest.model import ComputeProfile, Feature, Manifest
from plugin_sdk.manifest.names import normalise_name, normalise_version, plugin_id
from plugin_sdk.manifest.reading import identity_issues, manifest_from_module, manifest_from_names, recheck
from plugin_sdk.manifest.static import StaticManifest, read_static

__all__ = [
    "ComputeProfile",
    "Feature",
    "Installed",
    "Issue",
    "Manifest",
    "ManifestIssues",
    "Packages",
    "StaticManifest",
    "identity_issues",
    "importable",
    "manifest_from_module",
    "manifest_from_names",
    "normalise_name",
    "normalise_version",
    "plugin_id",
    "read_static",
    "recheck",
]
