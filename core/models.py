"""Model: weights that an organization or a namespace uploaded, for its plugins to load by id.

What was uploaded is read once: hashed, and checked against its format without ever being loaded. The copy that is kept
lies under its hash. Small files are read when the upload is confirmed, large ones by a job of the batch service.
"""

import hashlib
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import IO, Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from core.errors import AlreadyExists, Expired, IllegalTransition, NotFound, UploadMissing
from core.ids import long_id, now
from core.model_files import InvalidModel, check_model
from core.noun import Noun
from core.quotas import check_room, create_within
from core.sharing import holders, refuse_while_held, share
from core.stores import Stores
from core.stores.blobs import BlobInfo, BlobRef
from core.stores.records import Body, Entry
from core.tenancy import Principal, Scope
from plugin_sdk.manifest import normalise_name, normalise_version, plugin_id

log = logging.getLogger(__name__)

MAX_MODEL_BYTES = 5 * 1024**3
"""What one PUT may hold."""

MAX_AT_ONCE_BYTES = 128 * 1024 * 1024
"""Read while the confirming request waits; what is larger is read by a job."""

IN_MEMORY_BYTES = 16 * 1024 * 1024
ASKED_AGAIN_AFTER = timedelta(minutes=15)
KEPT_AFTER_EXPIRY_S = 7 * 24 * 3600


class Resources(BaseModel):
    """What a plugin that loads the model is told to have; `memory` is in bytes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    num_cpus: float = 1.0
    num_gpus: int = 0
    memory: int = 4 * 1024**3


class Announced(Noun):
    """What is said of a model before its file comes."""

    name: str
    version: str
    model_format: str
    description: str | None = None
    framework: str | None = None
    task_type: str | None = None
    resource_requirements: Resources = Resources()


class ModelUpload(Announced):
    """A presigned upload in the making; `status` is pending, verifying, passed or failed."""

    upload_id: str
    s3_key: str
    expires_at: datetime
    status: str = "pending"
    problem: str | None = None
    fix: str | None = None


class Model(Announced):
    """A model as stored; `shared` says that it is the organization's, enabled here."""

    model_id: str
    upload_id: str
    archive_key: str
    sha256: str
    size_bytes: int
    deployed_at: datetime | None = None
    shared: bool = False

    @property
    def endpoint(self) -> str:
        """What plugins load it by."""
        return f"mixpeek://models/{self.model_id}"


class Presigned(NamedTuple):
    """An upload and the URL that takes its file; the URL is kept nowhere."""

    upload: ModelUpload
    url: str


def create_upload(stores: Stores, scope: Scope, announced: Mapping[str, Any], *, expires_in_s: int = 3600) -> Presigned:
    """A place to PUT the model's file.

    Raises:
        AlreadyExists: there is a model of this name and version.
        QuotaExceeded: there are as many as there may be.
        InvalidManifest: the name or the version can't be used.
    """
    name, version = normalise_name(announced["name"]), normalise_version(announced["version"])
    if stores.records.get(scope.key("model"), plugin_id(name, version)):
        raise _duplicate(name, version)
    check_room(stores, "models", scope.key("model"))
    upload_id = long_id("mdu")
    upload = ModelUpload.model_validate(
        dict(announced)
        | {
            "name": name,
            "version": version,
            "upload_id": upload_id,
            "s3_key": f"uploads/{scope.prefix}/{upload_id}.model",
            "expires_at": now() + timedelta(seconds=expires_in_s),
        }
    )
    expires_at = int(upload.expires_at.timestamp()) + KEPT_AFTER_EXPIRY_S
    stores.records.create(Entry(scope.key("model_upload"), upload_id, upload.body(), expires_at=expires_at))
    return Presigned(upload, stores.blobs.presign_put(upload_ref(stores, upload), expires_in_s))


def confirm_model(
    stores: Stores, scope: Scope, upload_id: str, *, etag: str | None = None, size_bytes: int | None = None
) -> Model | None:
    """The model of this upload, once its file has passed; None while a job is still reading it. Again is the same.

    Raises:
        NotFound: there is no such upload.
        Expired: its time has passed.
        UploadMissing: nothing was PUT.
        InvalidModel: the file is not of its format, or not the one that `etag` and `size_bytes` tell of.
        AlreadyExists: another upload brought this name and version.
    """
    upload = _find_upload(stores, scope, upload_id)
    if upload.status == "passed":
        return _confirmed(stores, scope, upload)
    if upload.status == "failed":
        raise InvalidModel(upload.problem or "The file was refused.", upload.fix or "Upload it anew.")
    if upload.status == "pending" and upload.expires_at <= now():
        raise Expired(f"The upload {upload_id} expired at {upload.expires_at}.", "Request a new upload and PUT again.")
    info = _arrived(stores, upload)
    _check_as_sent(info, etag, size_bytes)
    if info.size_bytes > MAX_AT_ONCE_BYTES:
        _ask_to_verify(stores, scope, upload)
        return None
    return verify_model(stores, scope, upload_id)


def verify_model(stores: Stores, scope: Scope, upload_id: str) -> Model:
    """Read the upload's file, and make the model if it passes.

    Raises:
        NotFound, UploadMissing, AlreadyExists: see `confirm_model`.
        InvalidModel: it does not pass; the upload says so from now on.
    """
    upload = _find_upload(stores, scope, upload_id)
    if upload.status == "passed":
        return _confirmed(stores, scope, upload)
    try:
        model = _read(stores, scope, upload, _arrived(stores, upload))
    except InvalidModel as error:
        _note(stores, scope, upload, status="failed", problem=error.problem, fix=error.fix)
        raise
    try:
        entry = Entry(scope.key("model"), model.model_id, model.body())
        create_within(stores, "models", scope.key, "model", [entry])
    except AlreadyExists as error:
        winner = find_model(stores, scope, model.model_id)
        if winner is None or winner.upload_id != upload_id:
            raise _duplicate(model.name, model.version) from error
        model = winner
    _note(stores, scope, upload, status="passed")
    return model


def finish_upload(stores: Stores, job: Mapping[str, Any]) -> None:
    """Do what a job of `confirm_model` says; a refusal is the upload's to tell, and no failure of the job."""
    scope, upload_id = Scope(str(job["org_id"]), str(job["namespace_id"])), str(job["upload_id"])
    try:
        verify_model(stores, scope, upload_id)
    except (InvalidModel, NotFound) as error:
        log.info("model refused", extra={"upload_id": upload_id, "code": error.code})
    except (AlreadyExists, IllegalTransition, UploadMissing) as error:
        log.info("model refused", extra={"upload_id": upload_id, "code": error.code})
        _note(
            stores, scope, _find_upload(stores, scope, upload_id), status="failed", problem=error.problem, fix=error.fix
        )


def upload_model(stores: Stores, scope: Scope, announced: Mapping[str, Any], file: IO[bytes]) -> Model:
    """The whole of it in one call: `file` is the model's file."""
    upload = create_upload(stores, scope, announced).upload
    stores.blobs.put(upload_ref(stores, upload), file)
    return verify_model(stores, scope, upload.upload_id)


def get_model(stores: Stores, scope: Scope, model_id: str) -> Model:
    """The model of this id.

    Raises:
        NotFound: there is none.
    """
    model = find_model(stores, scope, model_id)
    if model is None:
        raise NotFound(f"There is no model {model_id[:100]!r} here.", "List the models to see their ids.")
    return model


def find_model(stores: Stores, scope: Scope, model_id: str) -> Model | None:
    """The model of this id, if there is one."""
    record = stores.records.get(scope.key("model"), model_id)
    return Model.model_validate(record.body) if record else None


def list_models(stores: Stores, scope: Scope) -> list[Model]:
    """Every model of the scope, by id."""
    return [Model.model_validate(r.body) for r in stores.records.each(scope.key("model"))]


def deploy_model(stores: Stores, scope: Scope, model: Model) -> tuple[Model, bool]:
    """The model, available to the namespace's plugins from now on, and whether it was before."""
    before: list[bool] = []

    def change(body: Body) -> Body | None:
        found = Model.model_validate(body)
        before[:] = [found.deployed_at is not None]
        return None if found.deployed_at else found.changed(deployed_at=now()).body()

    record = stores.records.update(scope.key("model"), model.model_id, change)
    if record is None:
        raise NotFound(f"The model {model.model_id!r} was deleted meanwhile.", "Upload it again.")
    return Model.model_validate(record.body), before[0]


def delete_model(stores: Stores, scope: Scope, model: Model) -> None:
    """Delete the model's record and, if it is not the organization's, its file."""
    stores.records.delete(scope.key("model"), model.model_id)
    if not model.shared:
        stores.blobs.delete(archive_ref(stores, model))


def enable_model(
    stores: Stores, principal: Principal, scope: Scope, model_id: str, overrides: Mapping[str, Any] | None = None
) -> Model:
    """The organization's model as the namespace has it from now on."""
    model = get_model(stores, principal.organization, model_id)
    resources = Resources.model_validate(model.resource_requirements.model_dump() | dict(overrides or {}))
    copy = model.changed(shared=True, resource_requirements=resources, deployed_at=None)
    share(stores, principal, scope, "model", model_id, copy.body())
    return copy


def disable_model(stores: Stores, scope: Scope, model_id: str) -> Model:
    """Take the organization's model out of the namespace.

    Raises:
        NotFound: it is not enabled there.
    """
    model = get_model(stores, scope, model_id)
    if not model.shared:
        raise NotFound(f"The model {model_id!r} is the namespace's own.", "Delete it with DELETE …/models/{model_id}.")
    delete_model(stores, scope, model)
    return model


def delete_organization_model(stores: Stores, principal: Principal, model: Model, *, force: bool = False) -> None:
    """Delete the model and its file, and take it out of every namespace.

    Raises:
        Conflict: namespaces have it enabled, and `force` is not set.
    """
    if not force:
        refuse_while_held(stores, principal, "model", model.model_id)
    stores.records.delete(principal.organization.key("model"), model.model_id)
    for namespace in holders(stores, principal, "model", model.model_id):
        stores.records.delete(principal.scope(namespace.namespace_id).key("model"), model.model_id)
    stores.blobs.delete(archive_ref(stores, model))


def upload_ref(stores: Stores, upload: ModelUpload) -> BlobRef:
    """Where the upload's PUT lands."""
    return BlobRef(stores.settings.plugin_bucket, upload.s3_key)


def archive_ref(stores: Stores, model: Model) -> BlobRef:
    """Where the model's file is kept."""
    return BlobRef(stores.settings.plugin_bucket, model.archive_key)


def _find_upload(stores: Stores, scope: Scope, upload_id: str) -> ModelUpload:
    record = stores.records.get(scope.key("model_upload"), upload_id)
    if record is None:
        raise NotFound(f"There is no model upload {upload_id[:100]!r}.", "Request one with POST /v1/models/uploads.")
    return ModelUpload.model_validate(record.body)


def _confirmed(stores: Stores, scope: Scope, upload: ModelUpload) -> Model:
    model = find_model(stores, scope, plugin_id(upload.name, upload.version))
    if model is None or model.upload_id != upload.upload_id:
        raise IllegalTransition(
            f"The upload {upload.upload_id} was confirmed, and its model has been deleted since.",
            "Request a new upload and PUT the file again.",
        )
    return model


def _arrived(stores: Stores, upload: ModelUpload) -> BlobInfo:
    try:
        info = stores.blobs.head(upload_ref(stores, upload))
    except NotFound as error:
        raise UploadMissing(
            f"Nothing was uploaded to {upload.upload_id}.", "PUT the file to its presigned_url, then confirm."
        ) from error
    if not 0 < info.size_bytes <= MAX_MODEL_BYTES:
        raise InvalidModel(f"The file has {info.size_bytes} bytes.", f"Upload 1 to {MAX_MODEL_BYTES} bytes.")
    return info


def _check_as_sent(info: BlobInfo, etag: str | None, size_bytes: int | None) -> None:
    for field, sent, found in (
        ("etag", etag and etag.strip('"'), info.etag),
        ("file_size_bytes", size_bytes, info.size_bytes),
    ):
        if sent is not None and sent != found:
            raise InvalidModel(
                f"{field} is {sent}, the file that came has {found}.", "PUT the file again, then confirm."
            )


def _ask_to_verify(stores: Stores, scope: Scope, upload: ModelUpload) -> None:
    if upload.status == "verifying" and now() - upload.updated_at < ASKED_AGAIN_AFTER:
        return
    _note(stores, scope, upload, status="verifying")
    job = {"job": "verify_model", "org_id": scope.org_id, "namespace_id": scope.namespace_id}
    stores.queues.send(stores.settings.jobs_queue, job | {"upload_id": upload.upload_id})


def _read(stores: Stores, scope: Scope, upload: ModelUpload, info: BlobInfo) -> Model:
    """Hash and check the file in one pass over its bytes, then keep just those bytes under their hash."""
    ref = upload_ref(stores, upload)
    with _copied_here(stores, ref) as (file, sha256, md5, size):
        if md5 != info.etag and "-" not in info.etag:
            raise InvalidModel("The file changed while it was read.", "PUT it once, then confirm.")
        ending = check_model(file, size, upload.model_format)
        key = f"{scope.prefix}/model_custom/{upload.name}/{upload.version}/{sha256}{ending}"
        file.seek(0)
        stores.blobs.put(BlobRef(ref.bucket, key), file)  # what was read, not what may lie there by now
    announced = {k: getattr(upload, k) for k in Announced.model_fields if k not in Noun.model_fields}
    return Model(
        model_id=plugin_id(upload.name, upload.version),
        upload_id=upload.upload_id,
        archive_key=key,
        sha256=sha256,
        size_bytes=size,
        **announced,
    )


@contextmanager
def _copied_here(stores: Stores, ref: BlobRef) -> Iterator[tuple[IO[bytes], str, str, int]]:
    """The file's bytes in a temporary file, their SHA-256 and MD5, and how many there are."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        for chunk in stores.blobs.chunks(ref):
            size += len(chunk)
            if size > MAX_MODEL_BYTES:
                raise InvalidModel("The file grew while it was read.", "PUT it once, then confirm.")
            sha256.update(chunk)
            md5.update(chunk)
            file.write(chunk)
        file.seek(0)
        yield file, sha256.hexdigest(), md5.hexdigest(), size


def _note(stores: Stores, scope: Scope, upload: ModelUpload, **changes: Any) -> None:
    stores.records.update(
        scope.key("model_upload"),
        upload.upload_id,
        lambda body: ModelUpload.model_validate(body).changed(**changes).body(),
    )


def _duplicate(name: str, version: str) -> AlreadyExists:
    return AlreadyExists(f"There is a model {name} {version}.", "Upload a new version or delete this one.")
