"""Why a batch failed, in words and as the author's part of the traceback."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from plugin_sdk.outcomes import KILLED_FOR_MEMORY

MAX_REASON = 2000
MAX_TRACEBACK = 8000
OURS = frozenset(str(Path(__file__).with_name(name)) for name in ("steps.py", "step.py"))
"""Files whose frames lie around an author's."""
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "_status_alloc_failed", "failed to allocate memory")
"""As torch, CUDA's libraries and onnxruntime say it."""
MAX_CAUSES = 16


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a batch failed; `kind` is equal for failures that are alike."""

    kind: str
    reason: str
    traceback: str = ""
    memory: bool = False
    whole: bool = False

    @classmethod
    def of(cls, error: BaseException, label: str) -> "Failed":
        """What step `label` raised."""
        memory = out_of_memory(error)
        reason = sentence(f"Step {label} raised {named(error)}")
        if memory:
            reason = f"{KILLED_FOR_MEMORY}. {reason}"
        return cls(f"{type(error).__name__} {_line(error.__traceback__)}", cut(reason), author_traceback(error), memory)


def out_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out: Python's own error, or a library's in its several spellings, or an error made of one."""
    for _ in range(MAX_CAUSES):
        if error is None:
            return False
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        text = named(error).lower()
        if isinstance(error, RuntimeError | OSError) and any(spelling in text for spelling in OUT_OF_MEMORY):
            return True
        error = error.__cause__
    return False


def named(error: BaseException) -> str:
    """The error's class and text."""
    try:
        text = str(error).strip()
    except Exception:  # an author's exception may not even be printable
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def sentence(text: str) -> str:
    """`text` with a full stop."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def cut(text: str, limit: int = MAX_REASON) -> str:
    """`text` as valid Unicode, its start where it is long."""
    printable = text.encode("utf-8", "backslashreplace").decode()
    return printable if len(printable) <= limit else f"{printable[:limit]}…"


def _line(trace: TracebackType | None) -> int:
    """The line in the innermost frame."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_lineno if trace is not None else 0


def author_traceback(error: BaseException) -> str:
    """The author's part of the traceback; its end where it is long."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename in OURS:
        trace = trace.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except Exception:
        text = type(error).__name__
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_TRACEBACK else f"…{text[-MAX_TRACEBACK:]}"
