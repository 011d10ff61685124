"""`mixpeek plugin publish`: check a plugin, pack it, upload it to a namespace and wait for the verdict."""

from pathlib import Path
from typing import Any

from plugin_sdk.cli import options
from plugin_sdk.cli.client import Api, ApiFailed
from plugin_sdk.cli.output import Format, emit, fail, say
from plugin_sdk.cli.remote import open_api


def publish(
    path: options.PluginPath = Path(),
    namespace: options.Namespace = None,
    dry_run: options.DryRun = False,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Check a plugin, upload it, and wait until the platform has scanned it.

    Example: mixpeek plugin publish --namespace ns_1a2b3c
    """
    from plugin_sdk.archives import pack
    from plugin_sdk.testing import check_for_upload

    manifest = check_for_upload(path)
    packed = pack(path)
    what = {"name": manifest.name, "version": manifest.version, "sha256": packed.sha256, "files": packed.files}
    if dry_run:
        emit({"dry_run": True, **what}, f"{manifest.plugin_id} can be published: {len(packed.files)} files.", format)
        return
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        say(f"Uploading {manifest.name} {manifest.version} ({len(packed.data):,} bytes) …", format)
        try:
            answer = upload(api, manifest.name, manifest.version, manifest.description, packed.data)
        except ApiFailed as error:
            fail(error, format, _violations(error.body))
    emit({**answer, **what}, f"Published {answer['plugin_id']}: {answer['feature_uri']}", format)


def upload(api: Api, name: str, version: str, description: str, archive: bytes) -> Any:
    """Presign, PUT, confirm; the confirm call's answer."""
    plugins = f"namespaces/{api.namespace}/plugins/uploads"
    body = {"name": name, "version": version, "description": description[:500] or None, "file_size_bytes": len(archive)}
    presigned = api.post(plugins, body)
    api.put_file(presigned["presigned_url"], archive, "application/zip")
    return api.post(f"{plugins}/{presigned['upload_id']}/confirm")


def _violations(body: Any) -> list[str]:
    if not isinstance(body, dict):
        return []
    lines = [
        f"{v['file']}:{v['line']}:{v['column']}: {v['severity']}: {v['message']}" for v in body.get("violations", ())
    ]
    return lines + [f"{e['field']}: {e['message']} {e.get('hint') or ''}".rstrip() for e in body.get("errors", ())]
