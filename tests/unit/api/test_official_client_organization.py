"""The official client, unmodified, over what belongs to an organization: plugins, models, secrets, API keys."""

from typing import Any

import numpy as np
import pytest
import requests
from fastapi import FastAPI
from safetensors.numpy import save

from core.stores import Stores
from infra.emulator.resources import create_key
from tests import official as mixpeek
from tests.unit.api.test_official_client import base_url, generated, namespace, secret  # noqa: F401  its fixtures
from tests.unit.core.samples import HereInspector, zipped

PLUGIN, MODEL, USER = "my_extractor_1_0_0", "weights_1_0_0", "admin@localhost"
WEIGHTS = save({"w": np.ones(2, np.float32)})


@pytest.fixture(autouse=True)
def ready(app: FastAPI, base_url: str, moto_stores: Stores) -> None:  # noqa: F811
    """An inspector, a key for secrets, and no waiting for an event that nothing sends here."""
    create_key(moto_stores.settings)
    app.state.inspector = HereInspector()
    settings = moto_stores.settings.model_copy(update={"scan_wait_s": 0.02})
    app.state.stores = Stores(settings, moto_stores.records, moto_stores.blobs, moto_stores.queues)


def test_plugins_of_the_organization(generated: Any, namespace: str) -> None:  # noqa: F811
    plugins, inside = mixpeek.PluginsApi(generated), mixpeek.CustomPluginsNamespaceApi(generated)
    asked = {"name": "my_extractor", "version": "1.0.0"}
    upload = plugins.generate_upload_url_plugins(mixpeek.ApiPluginsModelsCreatePluginUploadRequest.from_dict(asked))
    requests.put(upload.presigned_url, data=zipped(), timeout=100).raise_for_status()

    assert plugins.confirm_upload_plugins(upload.upload_id).plugin_id == PLUGIN
    assert [p.plugin_id for p in plugins.list_plugins().plugins] == [PLUGIN]
    assert plugins.get_plugin(PLUGIN).plugin.code_hash
    enabled = inside.enable_org_plugin_namespaces(
        namespace, PLUGIN, enable_org_plugin_request=mixpeek.EnableOrgPluginRequest(params={"threshold": 0.2})
    )
    assert enabled.deployment_status == "pending"
    available = inside.list_available_org_plugins_namespaces(namespace).plugins
    assert [p.enabled_in_namespace for p in available] == [True]
    request = mixpeek.ReconfigureNamespaceRequest(confirm=True)
    assert inside.reconfigure_namespace_id_plugins(namespace, request).status == "reconfigured"
    assert inside.disable_org_plugin_namespaces(namespace, PLUGIN).success is True
    assert plugins.delete_plugin(PLUGIN).plugin_id == PLUGIN


def test_models(generated: Any, namespace: str) -> None:  # noqa: F811
    models, inside = mixpeek.ModelsApi(generated), mixpeek.CustomModelsApi(generated)
    asked = {"name": "weights", "version": "1.0.0", "model_format": "safetensors"}
    upload = models.generate_upload_url_models(mixpeek.CreateModelUploadRequest.from_dict(asked))
    requests.put(upload.presigned_url, data=WEIGHTS, timeout=100).raise_for_status()

    assert models.confirm_upload_models(upload.upload_id).validation_status == "passed"
    assert [m.model_id for m in models.list_models().models] == [MODEL]
    assert models.get_model(MODEL).model.model_hash
    request = mixpeek.EnableOrgModelRequest(deploy=True)
    enabled = inside.enable_org_model_namespaces(namespace, MODEL, enable_org_model_request=request)
    assert enabled.deployment_status == "deployed"
    assert [m.enabled_in_namespace for m in inside.list_available_org_models_namespaces(namespace).models] == [True]
    assert inside.disable_org_model_namespaces(namespace, MODEL).success is True
    made = inside.upload_model_namespaces(namespace, ("w", WEIGHTS), "weights", "2.0.0", "safetensors")
    assert inside.deploy_model_namespaces(namespace, made.model_id).deployment_status == "deployed"
    assert [m.deployed for m in inside.list_models_namespaces(namespace).models] == [True]
    assert inside.get_model_namespaces(namespace, made.model_id).model.deployment_info.endpoint
    assert inside.delete_model_namespaces(namespace, made.model_id).model_id == made.model_id
    assert models.delete_model(MODEL).model_id == MODEL


def test_secrets(generated: Any) -> None:  # noqa: F811
    api = mixpeek.OrganizationSecretsApi(generated)

    request = mixpeek.CreateSecretRequest(secret_name="token", secret_value="hidden")
    assert api.create_secret_organizations(request).created is True
    assert api.list_secrets_organizations().secrets == ["token"]
    changed = mixpeek.UpdateSecretRequest(secret_value="other")
    assert api.update_secret_organizations_name("token", changed).updated is True
    assert api.delete_secret_organizations_name("token").deleted is True


def test_api_keys(generated: Any, namespace: str) -> None:  # noqa: F811
    api = mixpeek.OrganizationAPIKeysApi(generated)
    scope = {"resource_type": "namespace", "resource_id": namespace, "operations": ["read_data"]}
    asked = {"name": "ci", "permissions": ["read"], "scopes": [scope], "rate_limit_override": 100}

    made = api.create_key_organizations_users_email(USER, mixpeek.APIKeyCreateRequest.from_dict(asked))
    assert made.key.startswith("sk_")
    listed = api.list_keys_organizations_users_email(USER)["results"]
    assert {k["name"] for k in listed} == {"ci", "default"}
    change = mixpeek.APIKeyUpdateRequest(description="for tests")
    assert api.update_key_organizations_users_email_name(USER, "ci", change).description == "for tests"
    assert api.rotate_key_organizations_users_email_name(USER, "ci").key != made.key
    api.delete_key_organizations_users_email_name(USER, "ci")
    assert [k["name"] for k in api.list_keys_organizations_users_email(USER)["results"]] == ["default"]
