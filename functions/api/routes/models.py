"""Routes of models: the organization's, a namespace's own, and which of the former a namespace has."""

from typing import Annotated, Any, Literal

from fastapi import File, Form, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from core.models import (
    MAX_MODEL_BYTES,
    Model,
    archive_ref,
    confirm_model,
    create_upload,
    delete_model,
    delete_organization_model,
    deploy_model,
    disable_model,
    enable_model,
    get_model,
    list_models,
    upload_model,
)
from core.sharing import shared_in
from core.web.bodies import Body
from core.web.callers import Caller, DeleteScope, ReadScope, WriteScope
from functions.api.deps import (
    Answer,
    OrganizationDeleter,
    OrganizationReader,
    OrganizationWriter,
    Router,
    StoresOf,
    given,
)

router = Router(tags=["models"])
Format = Literal["safetensors", "onnx", "pytorch", "huggingface"]
NAMESPACE = "/namespaces/{namespace_id}/models"
ITEM = {"model_id", "name", "version", "model_format", "framework", "task_type", "created_at", "updated_at"}


class Resources(BaseModel):
    """ModelResourceRequirements."""

    model_config = ConfigDict(extra="forbid")

    num_cpus: Annotated[float, Field(ge=0.1, le=64, strict=True)] = 1.0
    num_gpus: Annotated[int, Field(ge=0, le=8, strict=True)] = 0
    memory: Annotated[int, Field(ge=1, lt=2**53, strict=True)] = 4 * 1024**3


class CreateUpload(Body):
    """CreateModelUploadRequest."""

    name: str = Field(pattern=r"^[a-zA-Z][a-zA-Z0-9_]{2,63}$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    model_format: Format
    description: str | None = Field(None, max_length=500)
    file_size_bytes: int | None = Field(None, gt=0, le=MAX_MODEL_BYTES)
    presigned_url_expiration: int = Field(3600, ge=60, le=86400)
    resource_requirements: Resources = Resources()
    framework: str | None = Field(None, max_length=100)
    task_type: str | None = Field(None, max_length=100)


class ConfirmUpload(Body):
    """ConfirmModelUploadRequest."""

    etag: str | None = None
    file_size_bytes: int | None = None


class Enable(Body):
    """EnableOrgModelRequest."""

    deploy: bool = False
    resource_overrides: Resources | None = None


@router.post("/models/uploads")
def presign(stores: StoresOf, caller: OrganizationWriter, body: CreateUpload) -> Answer:
    announced = given(body, without=("file_size_bytes", "presigned_url_expiration"))
    upload, url = create_upload(stores, caller.organization, announced, expires_in_s=body.presigned_url_expiration)
    keys = {"upload_id", "s3_key", "expires_at", "name", "version", "model_format"}
    told = upload.model_dump(mode="json", include=keys)
    return Answer(told | {"presigned_url": url, "organization_id": caller.org_id})


@router.post("/models/uploads/{upload_id}/confirm")
def confirm_upload(
    stores: StoresOf, caller: OrganizationWriter, upload_id: str, body: ConfirmUpload | None = None
) -> Answer:
    sent = body or ConfirmUpload()
    scope = caller.organization
    model = confirm_model(stores, scope, upload_id, etag=sent.etag, size_bytes=sent.file_size_bytes)
    if model is None:
        said = "The file is being read; confirm again to see how it went."
        return Answer({"success": True, "upload_id": upload_id, "validation_status": "pending", "message": said})
    return Answer(
        {
            "success": True,
            "upload_id": upload_id,
            "model_id": model.model_id,
            "validation_status": "passed",
            "validation_errors": [],
            "s3_archive_url": archive_ref(stores, model).url,
            "message": f"Model {model.name} {model.version} is stored.",
        }
    )


@router.get("/models")
def list_all(stores: StoresOf, caller: OrganizationReader) -> Answer:
    items = [
        listed(model) | {"description": model.description, "validation_status": "passed"}
        for model in list_models(stores, caller.organization)
    ]
    return Answer({"success": True, "models": items, "total": len(items), "organization_id": caller.org_id})


@router.get("/models/{model_id}")
def get(stores: StoresOf, caller: OrganizationReader, model_id: str) -> Answer:
    model = get_model(stores, caller.organization, model_id)
    url = archive_ref(stores, model).url
    kept = {"organization_id": caller.org_id, "description": model.description, "s3_archive_url": url}
    return Answer({"success": True, "model": document(model) | kept | {"validation_status": "passed"}})


@router.delete("/models/{model_id}")
def delete(stores: StoresOf, caller: OrganizationDeleter, model_id: str, force: bool = False) -> Answer:
    model = get_model(stores, caller.organization, model_id)
    delete_organization_model(stores, caller, model, force=force)
    return Answer({"success": True, "model_id": model_id, "message": "Model deleted."})


@router.post(NAMESPACE)
def upload(
    stores: StoresOf,
    scope: WriteScope,
    file: Annotated[UploadFile, File()],
    name: Annotated[str, Form(pattern=r"^[a-zA-Z][a-zA-Z0-9_]{2,63}$")],
    version: Annotated[str, Form(pattern=r"^v?\d+(\.\d+){0,2}$")],
    model_format: Annotated[Format, Form()],
    framework: Annotated[str | None, Form(max_length=100)] = None,
    task_type: Annotated[str | None, Form(max_length=100)] = None,
    num_cpus: Annotated[float, Form(ge=0.1, le=64)] = 1.0,
    num_gpus: Annotated[int, Form(ge=0, le=8)] = 0,
    memory_gb: Annotated[float, Form(gt=0, le=4096)] = 4.0,
) -> Answer:
    """The whole of presign, PUT and confirm in one request."""
    resources = {"num_cpus": num_cpus, "num_gpus": num_gpus, "memory": round(memory_gb * 1024**3)}
    named = {"name": name, "version": version, "model_format": model_format}
    about = {"framework": framework, "task_type": task_type, "resource_requirements": resources}
    model = upload_model(stores, scope, named | about, file.file)
    return Answer(
        {
            "success": True,
            "model_id": model.model_id,
            "deployment_status": "not_deployed",
            "endpoint": model.endpoint,
            "model_archive_url": archive_ref(stores, model).url,
        }
    )


@router.get(NAMESPACE)
def list_in_namespace(stores: StoresOf, scope: ReadScope) -> Answer:
    items = [listed(model) | {"endpoint": endpoint(model)} for model in list_models(stores, scope)]
    return Answer({"success": True, "models": items, "total": len(items), "namespace_id": scope.namespace_id})


@router.get(f"{NAMESPACE}/available")
def available(stores: StoresOf, caller: Caller, scope: ReadScope) -> Answer:
    enabled = shared_in(stores, scope, "model")
    keys = {"model_id", "name", "version", "model_format", "description", "framework", "task_type"}
    items = [
        model.model_dump(mode="json", include=keys) | {"enabled_in_namespace": model.model_id in enabled}
        for model in list_models(stores, caller.organization)
    ]
    return Answer({"success": True, "models": items, "total": len(items), "namespace_id": scope.namespace_id})


@router.post(f"{NAMESPACE}/org/{{model_id}}/enable")
def enable(stores: StoresOf, caller: Caller, scope: WriteScope, model_id: str, body: Enable | None = None) -> Answer:
    wanted = body or Enable()
    overrides = wanted.resource_overrides.model_dump(exclude_unset=True) if wanted.resource_overrides else {}
    model = enable_model(stores, caller, scope, model_id, overrides)
    if wanted.deploy:
        deploy_model(stores, scope, model)
    said = f"Model {model.name} {model.version} is enabled in this namespace."
    told = {"success": True, "model_id": model_id, "namespace_id": scope.namespace_id, "message": said}
    return Answer(told | {"deployment_status": "deployed" if wanted.deploy else "not_deployed"})


@router.post(f"{NAMESPACE}/org/{{model_id}}/disable")
def disable(stores: StoresOf, scope: WriteScope, model_id: str) -> Answer:
    model = disable_model(stores, scope, model_id)
    said = f"Model {model.name} {model.version} is disabled in this namespace."
    return Answer({"success": True, "model_id": model_id, "namespace_id": scope.namespace_id, "message": said})


@router.get(f"{NAMESPACE}/{{model_id}}")
def get_in_namespace(stores: StoresOf, scope: ReadScope, model_id: str) -> Answer:
    model = get_model(stores, scope, model_id)
    kept = {"namespace_id": scope.namespace_id, "model_archive_url": archive_ref(stores, model).url}
    return Answer({"success": True, "model": document(model) | kept})


@router.delete(f"{NAMESPACE}/{{model_id}}")
def delete_in_namespace(stores: StoresOf, scope: DeleteScope, model_id: str) -> Answer:
    delete_model(stores, scope, get_model(stores, scope, model_id))
    return Answer({"success": True, "model_id": model_id, "message": "Model deleted."})


@router.post(f"{NAMESPACE}/{{model_id}}/deploy")
def deploy(stores: StoresOf, scope: WriteScope, model_id: str) -> Answer:
    model, before = deploy_model(stores, scope, get_model(stores, scope, model_id))
    return Answer(
        {
            "success": True,
            "model_id": model_id,
            "namespace_id": scope.namespace_id,
            "deployment_status": "deployed",
            "cached": before,
            "message": f"Plugins of this namespace load it with load_namespace_model({model.model_id!r}).",
        }
    )


def listed(model: Model) -> dict[str, Any]:
    """What every list says of a model."""
    return model.model_dump(mode="json", include=ITEM) | {"deployed": model.deployed_at is not None}


def document(model: Model) -> dict[str, Any]:
    """What every detail says of a model."""
    info = {"endpoint": model.endpoint, "base_image": "openpeek", "deployed_at": model.deployed_at}
    return listed(model) | {
        "model_hash": model.sha256,
        "size_bytes": model.size_bytes,
        "deployment_info": info if model.deployed_at else None,
        "resource_requirements": model.resource_requirements.model_dump(),
    }


def endpoint(model: Model) -> str | None:
    """What plugins load it by, once they may."""
    return model.endpoint if model.deployed_at else None
