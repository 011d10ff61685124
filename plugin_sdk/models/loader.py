"""Loading models: from the shared Hugging Face cache, or uploaded to the namespace. Loaded once per process."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plugin_sdk.models.cache import hub_folder, snapshot
from plugin_sdk.models.errors import ModelUnavailable
from plugin_sdk.models.shared import is_folder_model, load_shared
from plugin_sdk.models.weights import load_weights

Source = Callable[[str], Path | None]

_loaded: dict[tuple[Any, ...], Any] = {}
_lock = threading.RLock()


def load_hf_model(
    model_id: str, model_class: Any = None, *, revision: str = "main", device: str | None = None, **options: Any
) -> Any:
    """A model of the shared cache, ready to use; the second call for the same one answers at once.

    Args:
        model_id: `org/name`; a bare name is one of sentence-transformers.
        model_class: a class with `from_pretrained`, or any callable of the model's folder; left out, the folder
            tells: SentenceTransformer for those models, transformers' AutoModel for the rest.
        revision: branch, tag or commit.
        device: `cpu`, `cuda`, …; left out, the library's choice.
        options: passed on to the class.

    Raises:
        ModelUnavailable: the model is not in the cache.
    """
    key = (model_id, revision, device, model_class, repr(sorted(options.items())))
    with _lock:
        if key not in _loaded:
            _loaded[key] = _load(_files(model_id, revision), model_class, device, options)
        return _loaded[key]


async def load_hf_model_async(model_id: str, model_class: Any = None, **options: Any) -> Any:
    """As `load_hf_model`, without blocking the event loop."""
    return await asyncio.to_thread(load_hf_model, model_id, model_class, **options)


def is_hf_model_cached(model_id: str, revision: str = "main") -> bool:
    """Whether `load_hf_model` would find the model's files."""
    return snapshot(model_id, revision) is not None


def load_namespace_model(model_id: str, model_class: Any = None, *, device: str | None = None, **options: Any) -> Any:
    """A model that was uploaded to this namespace, or to its organization and enabled here.

    Args:
        model_id: `name_1_0_0`, `name@1.0.0` or `mixpeek://models/name_1_0_0`.
        model_class, device, options: what to make of a Hugging Face folder, as for `load_hf_model`: the folder's
            tokenizer is `load_namespace_model(model_id, AutoTokenizer)`. A callable must have read what it needs when
            it returns, for the folder goes then.

    Returns:
        Tensors by name (safetensors, torch), a session (ONNX), or for the archive of a Hugging Face folder what
        `load_hf_model` makes of it.

    Raises:
        ModelUnavailable: the namespace has no such model, or its format can't be loaded.
    """
    key = ("namespace", model_id, device, model_class, repr(sorted(options.items())))
    with _lock:
        if key not in _loaded:
            _loaded[key] = _namespace_model(model_id, lambda files: _load(files, model_class, device, options))
        return _loaded[key]


def _namespace_model(model_id: str, load_folder: Callable[[Path], Any]) -> Any:
    from plugin_sdk.host import brokered  # only here: it needs the operating system's sockets

    if not brokered.connected():
        path = _source(model_id)
        if path is None:
            raise ModelUnavailable(
                f"The namespace has no model {model_id!r}.",
                "Upload it to the namespace first, or load a model of the shared cache with load_hf_model.",
            )
        return load_folder(path) if is_folder_model(path) else load_weights(path)
    try:
        file = brokered.model(model_id)
    except brokered.NotGiven as error:
        raise ModelUnavailable(error.problem, error.fix) from None
    name = model_id + "".join(Path(file.name).suffixes)  # the file itself is called by its hash
    return load_shared(name, file.fd, file.size, load_folder)


def use_source(source: Source) -> Source:
    """Find namespace models through `source` (model id -> file or folder) from now on; returns the one so far."""
    global _source
    before, _source = _source, source
    return before


def _no_models(model_id: str) -> Path | None:
    return None


_source: Source = _no_models


def _files(model_id: str, revision: str) -> Path:
    files = snapshot(model_id, revision)
    if files is None:
        raise ModelUnavailable(
            f"The model {model_id!r} is not in the model cache {hub_folder()}.",
            f"Put it there: HF_HOME={hub_folder().parent} hf download {model_id}",
        )
    return files


def _load(files: Path, model_class: Any, device: str | None, options: dict[str, Any]) -> Any:
    if model_class is None and (files / "modules.json").is_file():
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(files), device=device, **options)
    if model_class is None:
        from transformers import AutoModel

        model_class = AutoModel
    build = getattr(model_class, "from_pretrained", model_class)
    model = build(str(files), **options)
    return model.to(device) if device is not None and hasattr(model, "to") else model
