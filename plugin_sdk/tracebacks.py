"""Tracebacks as a plugin's author should see them: from the plugin's first line on, with paths inside its folder."""

import traceback
from pathlib import Path
from types import TracebackType


def traceback_text(error: BaseException, folder: Path) -> str:
    """The error's traceback without the frames of the platform that lead to the plugin's code."""
    shown = _from_plugin(error.__traceback__, str(folder))
    lines = traceback.format_exception(type(error), error, shown)
    return "".join(lines).replace(f"{folder}/", "").rstrip()


def last_line_in(error: BaseException, folder: Path) -> tuple[str, int] | None:
    """File (relative to the folder) and line of the innermost frame that is the plugin's, if any is."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(f"{folder}/")]
    if not frames:
        return None
    return frames[-1].filename.removeprefix(f"{folder}/"), frames[-1].lineno or 1


def _from_plugin(found: TracebackType | None, folder: str) -> TracebackType | None:
    """The traceback from the first frame in the folder; the whole one when there is none."""
    frame = found
    while frame is not None and not frame.tb_frame.f_code.co_filename.startswith(f"{folder}/"):
        frame = frame.tb_next
    return frame if frame is not None else found
