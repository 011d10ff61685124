"""Tracebacks: operators see where an error came from and of what kind it is, and no word of rows, requests or plugins."""

import json
import logging

import pydantic
import pytest

from core.errors import StoreUnavailable
from core.log import JsonLines, without_task
from core.tracebacks import message_of, traceback_of
from plugin_sdk.errors import HostFailed, PluginRaised

MARK = "marked0secret"


def caught(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error, once it was raised."""
    try:
        if cause:
            raise error from caught(cause)
        raise error
    except BaseException as raised:
        return raised


class Model(pydantic.BaseModel):
    n: int


def invalid() -> BaseException:
    with pytest.raises(pydantic.ValidationError) as told:
        Model.model_validate({"n": MARK})
    return told.value


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError(MARK), "ValueError"),
        (KeyError(MARK), "KeyError"),
        (invalid(), "ValidationError"),
        (PluginRaised(f"ValueError: {MARK}", MARK, MARK), "plugin_raised"),
        (HostFailed(MARK, f"The plugin's last line: {MARK}", "died: signal 11"), "host_failed: died: signal 11"),
        (HostFailed(MARK, MARK, f"killed: broke the protocol ({MARK})"), "host_failed: killed: broke the protocol"),
        (FileNotFoundError(2, "No such file or directory", MARK), "FileNotFoundError: No such file or directory"),
        (ExceptionGroup(MARK, [ValueError(MARK)]), "ExceptionGroup"),
        (AttributeError("'NoneType' has no 'x'"), "AttributeError: 'NoneType' has no 'x'"),
        (StoreUnavailable("DynamoDB does not answer.", "Again."), "store_unavailable: DynamoDB does not answer."),
    ],
)
def test_error_is_told_without_what_others_put_into_it(error: BaseException, told: str) -> None:
    lines = traceback_of(caught(error, cause=RuntimeError(MARK)))

    assert message_of(error) == told
    assert MARK not in lines
    assert told in lines and "RuntimeError\nThe direct cause of:" in lines
    assert "in caught" in lines


def test_chain_that_bites_its_tail_ends() -> None:
    one, two = ValueError(MARK), KeyError(MARK)
    one.__context__, two.__context__ = two, one

    assert traceback_of(one).count("ValueError") == 1


def test_line_on_a_failed_task_holds_neither_its_rows_nor_its_error() -> None:
    logger = logging.getLogger("distributed.worker")
    given = ("run_segment-1", "executing", f"run_segment({MARK})", f"ValueError('{MARK}')", MARK)
    text = "Compute Failed\nKey: %s\nState: %s\nTask: %s\nException: %r\nTraceback: %r\n"
    record = logger.makeRecord(logger.name, logging.ERROR, "worker.py", 1, text, given, None)

    assert without_task(record)
    line = json.loads(JsonLines().format(record))

    assert (line["message"], line["task"]) == ("task failed", "run_segment-1")
    assert MARK not in json.dumps(line)
