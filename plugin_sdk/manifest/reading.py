"""Reading a manifest that has run: every rule is checked, and all that is wrong is told at once."""

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from plugin_sdk.manifest import rules
from plugin_sdk.manifest.declared import declared
from plugin_sdk.manifest.features import features, in_schema
from plugin_sdk.manifest.hints import did_you_mean
from plugin_sdk.manifest.installed import Installed, importable
from plugin_sdk.manifest.issues import Findings, Issue, ManifestIssues
from plugin_sdk.manifest.model import ComputeProfile, Feature, Manifest
from plugin_sdk.manifest.names import normalise_name, normalise_version
from plugin_sdk.manifest.schemas import check_defaults, json_schema
from plugin_sdk.manifest.static import StaticManifest


def manifest_from_module(module: ModuleType, has_realtime: bool, installed: Installed = importable) -> Manifest:
    """The manifest that a loaded manifest.py declares; `installed` judges its dependencies.

    Raises:
        ManifestIssues: one or more rules are broken; it has every one.
    """
    return manifest_from_names(vars(module), has_realtime, installed)


def manifest_from_names(names: Mapping[str, Any], has_realtime: bool, installed: Installed = importable) -> Manifest:
    """As `manifest_from_module`, from the module's names.

    Raises:
        ManifestIssues: one or more rules are broken; it has every one.
    """
    find = Findings()
    public = {key: value for key, value in names.items() if not key.startswith("__")}
    values = declared(public, find)
    read = _read(values, has_realtime, find)
    _refuse_missing(read["dependencies"], values.get("dependencies"), installed, find)
    return _made(read, find)


def recheck(manifest: Manifest) -> Manifest:
    """The same manifest, every rule checked again: it comes from a process that runs the plugin's code.

    Only whether its dependencies are installed is taken on trust; that is known where plugins run.

    Raises:
        ManifestIssues: it breaks rules, so it was not made by the reading above.
    """
    find = Findings()
    given = {
        **manifest.model_dump(exclude={"name", "has_realtime", "warnings"}),
        "feature_extractor_name": manifest.name,
    }
    read = _read({key: value for key, value in given.items() if value is not None}, manifest.has_realtime, find)
    if not find.failed:
        find.issues = manifest.warnings
    return _made(read, find)


def _made(read: dict[str, Any], find: Findings) -> Manifest:
    if find.failed:
        raise ManifestIssues(find.issues)
    return Manifest(**read, warnings=find.issues)


def identity_issues(found: Manifest | StaticManifest, name: str, version: str) -> list[Issue]:
    """Where the manifest's name or version is not the one that its upload announced."""
    find = Findings()
    if found.name is not None and found.name != normalise_name(name):
        message = f"is '{found.name}', but the upload was announced as '{name}'."
        find.error("feature_extractor_name", message, "Make the two agree.")
    if found.version is not None and found.version != normalise_version(version):
        message = f"is '{found.version}', but the upload was announced as '{version}'."
        find.error("version", message, "Make the two agree.")
    return find.issues


def _read(values: Mapping[str, Any], has_realtime: bool, find: Findings) -> dict[str, Any]:
    name = rules.name(values.get("feature_extractor_name"), find)
    version = rules.version(values.get("version"), find)
    schemas = {key: json_schema(values.get(key), key, find) for key in ("input_schema", "parameter_schema")}
    if schemas["parameter_schema"]:
        check_defaults(values["parameter_schema"], schemas["parameter_schema"], find)
    found = features(values.get("features"), find)
    mappings = rules.input_mappings(values.get("input_mappings"), find)
    _warn_of_unknown_columns(mappings, schemas["input_schema"], find)
    packages = rules.dependencies(values.get("dependencies"), find)
    profile = rules.compute_profile(values.get("compute_profile"), find)
    uri = rules.feature_uri(values.get("feature_uri"), name, version, [f.feature_name for f in found], find)
    if values.get("feature_uri") is not None and not has_realtime:
        find.warn("feature_uri", "is given, but there is no realtime.py.", "Add realtime.py, or leave the URI out.")
    return {
        **schemas,
        "name": name,
        "version": version,
        "description": rules.description(values.get("description"), find),
        "category": rules.category(values.get("category"), find),
        "output_schema": _output_schema(values.get("output_schema"), name, found, find),
        "supported_input_types": rules.input_types(values.get("supported_input_types"), find),
        "features": found,
        "input_mappings": mappings,
        "dependencies": packages,
        "compute_profile": None if profile is None or find.failed else ComputeProfile(**profile),
        "feature_uri": uri,
        "has_realtime": has_realtime,
    }


def _output_schema(value: Any, name: str | None, found: list[Feature], find: Findings) -> dict[str, Any] | None:
    if value is None:
        find.error("output_schema", "is missing.", "Add output_schema = <a pydantic model>.")
    schema = json_schema(value, "output_schema", find)
    if schema is not None:
        in_schema(found, name or "", schema, find)
    return schema


def _warn_of_unknown_columns(mappings: Mapping[str, str], input_schema: dict[str, Any] | None, find: Findings) -> None:
    known = list((input_schema or {}).get("properties", {}))
    for column in mappings:
        if known and column not in known:
            find.warn(f"input_mappings.{column}", "is no field of input_schema.", did_you_mean(column, known))


def _refuse_missing(packages: Iterable[str], given: Any, installed: Installed, find: Findings) -> None:
    """The worker image is what it is: a package that can't be imported there can't be installed later."""
    for package in packages:
        field, there = f"dependencies[{given.index(package)}]", installed(package)
        if there is None:
            find.warn(field, f"'{package}' could not be looked for where plugins run.", "No worker has run so far.")
        elif not there:
            hint = "Leave it out, or ask the operator to add it to the worker image."
            find.error(field, f"'{package}' is not installed where plugins run.", hint)
