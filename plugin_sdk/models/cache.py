"""The shared model cache: a Hugging Face cache folder, looked into by file name, nothing downloaded.

Source: the layout that huggingface_hub documents: `hub/models--{org}--{name}/refs/{revision}` holds a commit, and
`snapshots/{commit}/` its files.
"""

import os
from pathlib import Path

SENTENCE_TRANSFORMERS = "sentence-transformers"


def hub_folder() -> Path:
    """Where models are looked for: HF_HUB_CACHE, else HF_HOME/hub, else the user's own cache."""
    if folder := os.environ.get("HF_HUB_CACHE"):
        return Path(folder)
    home = os.environ.get("HF_HOME")
    return (Path(home) if home else Path.home() / ".cache" / "huggingface") / "hub"


def snapshot(model_id: str, revision: str = "main") -> Path | None:
    """The model's files at a branch, tag or commit, if they are cached; a bare name is one of sentence-transformers."""
    names = [model_id] if "/" in model_id else [model_id, f"{SENTENCE_TRANSFORMERS}/{model_id}"]
    for name in names:
        folder = hub_folder() / f"models--{name.replace('/', '--')}"
        reference = folder / "refs" / revision
        commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
        files = folder / "snapshots" / commit
        if files.is_dir():
            return files
    return None
