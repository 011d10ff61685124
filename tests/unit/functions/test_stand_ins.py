"""Stand-ins for what the inspect function lacks: imported and used in passing, never taken for a value."""

import subprocess
import sys

import pytest

from functions.inspect.stand_ins import Finder, Module, Unknown, ValueUnknown

IMPORTED = """
import sys
from functions.inspect.stand_ins import offer
offer({"worker_lib", "other_lib"}.__contains__)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """The code, in a process of its own where two packages are stood in for."""
    return subprocess.run([sys.executable, "-c", IMPORTED + code], capture_output=True, text=True, timeout=100)


def test_everything_that_honest_modules_do_on_import_passes():
    code = """
import dataclasses, enum, typing
import worker_lib as wl
import worker_lib.nn.functional as F
from worker_lib import nn, Tensor
from other_lib.typing import NDArray

wl.manual_seed(3)
wl.backends.cudnn.enabled = False
logger = wl.get_logger(__name__)
DEVICE = wl.device("cpu")
SCALE = 2 * wl.pi + 1 - (-wl.e)
FLAGS = wl.A | wl.B
with wl.no_grad():
    ones = wl.ones(3)[0]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)

class Both(nn.Module, typing.Generic[typing.TypeVar("T")]):
    pass

@dataclasses.dataclass
class Held:
    vector: NDArray[wl.float32] | None = None
    many: list[Tensor] = dataclasses.field(default_factory=list)

@wl.jit.script
def step(x: "Tensor", y: wl.Tensor = wl.zeros(3)) -> typing.Optional[Tensor]:
    return F.relu(x)

def frame(batch: wl.DataFrame) -> dict[str, typing.Union[wl.Series, int]]:
    return {}

print(Net().__class__.__mro__[1:], DEVICE.index.__repr__())
"""

    done = run(code)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "(<class 'object'>,) <worker_lib.device().index: known where plugins run>\n"


def test_missing_module_that_workers_lack_too_is_missing():
    done = run("import third_lib")

    assert "No module named 'third_lib'" in done.stderr


def test_package_that_is_here_has_no_modules_that_are_not():
    done = run("import json\nimport json.nothing")

    assert "No module named 'json.nothing'" in done.stderr


def test_what_is_here_is_never_stood_in_for():
    done = run(
        "from functions.inspect.stand_ins import offer\noffer(lambda top: True)\nimport json; print(json.dumps([1]))"
    )

    assert done.stdout == "[1]\n"


@pytest.mark.parametrize(
    "ask",
    [
        *(bool, int, float, len, str, list, iter, round, bytes, range),
        lambda v: v == 3,
        lambda v: v != "a",
        lambda v: v < 3,
        lambda v: f"{v}",
        lambda v: 1 in v,
        lambda v: [1, 2][v],
        lambda v: isinstance(3, v),
    ],
)
def test_value_that_only_workers_know_is_refused_with_its_name(ask):
    with pytest.raises(ValueUnknown, match=r"the value of numpy\.pi is asked for.*Write the value itself"):
        ask(Module("numpy").pi)


def test_two_are_equal_where_they_are_one():
    value = Unknown("numpy.float32")

    assert value == value
    assert value != Unknown("numpy.float32")
    assert len({value, value}) == 1


def test_finder_stands_in_for_the_submodules_of_its_own_alone():
    finder = Finder(lambda top: True)

    assert finder.find_spec("no_such_top", None) is not None
    assert finder.find_spec("json.no_such_module", None) is None
