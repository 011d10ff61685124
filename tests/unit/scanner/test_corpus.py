"""The corpus: every attack is refused, every honest snippet passes, and the quick start draws no remark."""

import pytest

from plugin_sdk.scanner import scan_files
from tests.unit.plugin_sdk import quickstart
from tests.unit.scanner import carried
from tests.unit.scanner.attacks import snippets
from tests.unit.scanner.honest import clean, warned
from tests.unit.scanner.modules import MODULES
from tests.unit.scanner.steps import STEPS
from tests.unit.scanner.ways import WAYS


@pytest.mark.parametrize(("family", "source"), snippets())
def test_attack_is_refused(family, source):
    report = scan_files({"processors/core.py": source.encode() + b"\n"})

    assert not report.passed, family
    assert all(violation.message and violation.fix and violation.why for violation in report.violations)


def test_each_further_way_around_the_rules_is_refused():
    open_ways = [
        source
        for source in [*WAYS, *carried.CARRIED]
        if scan_files({"processors/core.py": source.encode() + b"\n"}).passed
    ]

    assert open_ways == []


@pytest.mark.parametrize("source", clean())
def test_honest_code_passes_without_a_remark(source):
    assert scan_files({"processors/core.py": source.encode() + b"\n"}, strict=True).violations == []


@pytest.mark.parametrize("source", warned())
def test_doubtful_code_draws_a_warning_and_passes(source):
    report = scan_files({"processors/core.py": source.encode() + b"\n"})

    assert report.passed
    assert {violation.severity for violation in report.violations} == {"warning"}


@pytest.mark.parametrize(
    "source", [*MODULES.strip().split("\n---\n"), *STEPS.strip().split("\n---\n"), *carried.HONEST]
)
def test_whole_module_of_an_honest_plugin_passes(source):
    report = scan_files({"processors/core.py": source.encode() + b"\n"})

    assert [found for found in report.violations if not found.message.startswith("Unknown import: ")] == []
    assert report.passed


def test_quick_start_passes_strict_mode_without_a_remark():
    assert scan_files({name: text.encode() for name, text in quickstart.FILES.items()}, strict=True).violations == []


ACROSS_FILES = {
    "re-export of a module": {"util.py": "import os\n", "core.py": "from .util import os as o\no.system('id')\n"},
    "re-export of a function": {"util.py": "from os import path\n", "core.py": "from .util import path\npath.os.system('id')\n"},
    "star import": {"util.py": "import os\n", "core.py": "from .util import *\nos.system('id')\n"},
    "star chain": {"a.py": "import os\n", "b.py": "from .a import *\n", "core.py": "from .b import *\nos.system('id')\n"},
    "package": {"lib/__init__.py": "from . import deep\n", "lib/deep.py": "import numpy as np\n", "core.py": "from . import lib\nlib.deep.np.os.system('id')\n"},
    "absolute own import": {"util.py": "import numpy as n\n", "core.py": "import util\nutil.n.os.system('id')\n"},
    "parent package": {"util.py": "import numpy as n\n", "p/core.py": "from ..util import n as x\nx.os.system('id')\n"},
    "library handed to another file": {"util.py": "def run(m):\n    m.os.system('id')\n", "core.py": "import numpy as np\nfrom .util import run\nrun(np)\n"},
    "library kept in another file's class": {
        "util.py": "class Keep:\n    def __init__(self, m): self.m = m\n",
        "core.py": "import numpy as np\nfrom .util import Keep\nKeep(np).m.os.system('id')\n",
    },
    "attribute set on own module": {"util.py": "x = 1\n", "core.py": "from . import util\nimport numpy as np\nutil.x = np\nutil.x.os\n"},
    "module named like the standard library's": {"subprocess.py": "x = 1\n", "core.py": "import subprocess\n"},
    "own builtin name imported from nowhere": {"util.py": "x = 1\n", "core.py": "from .util import *\nopen('x')\n"},
    "above the plugin": {"core.py": "from .. import secrets\n"},
}  # fmt: skip


@pytest.mark.parametrize("files", ACROSS_FILES.values(), ids=ACROSS_FILES)
def test_attack_across_files_is_refused(files):
    assert not scan_files({name: text.encode() for name, text in files.items()}).passed


def test_own_function_named_like_a_builtin_may_be_star_imported():
    files = {"util.py": b"def open(x):\n    return x\n", "core.py": b"from .util import *\nopen('x')\n"}

    assert scan_files(files).violations == []


def test_violation_stands_in_the_file_that_does_it():
    files = {
        "util.py": b"def run(m):\n    m.os.system('id')\n",
        "core.py": b"import numpy as np\nfrom .util import run\nrun(np)\n",
    }

    violations = scan_files(files).violations

    assert [(v.file, v.line, v.column, v.message) for v in violations] == [
        ("util.py", 2, 4, "Forbidden attribute: numpy.os")
    ]


LIBRARIES = "".join(f"import m{number}\nx = m{number}.f\nx = m{number}\n" for number in range(30))
FUNCTIONS = "".join(f"def f{number}(): pass\nx = f{number}\n" for number in range(30))
CROWDED = r"""
from pathlib import Path
x = Path('/etc/passwd')
JUNK
x.read_text()
---
from pathlib import Path
x = Path
JUNK
x('/etc/passwd').read_text()
---
from pathlib import Path
x = Path
JUNK
y = [x]
y[0]('/etc/passwd').write_bytes(b'')
---
import numpy as np
x = np
JUNK
x.os.system('id')
---
import numpy as np
x = np
JUNK
y = x.os
y.system('id')
---
import numpy as np
x = np
JUNK
x.memmap('/etc/passwd')
---
import numpy as np
x = np.memmap
JUNK
x('a')
---
import torch
x = torch.load
JUNK
x('w', weights_only=False)
---
import os
x = os.path
JUNK
x.os.system('id')
---
import os
x = os
JUNK
x.system('id')
---
import pandas as pd
x = pd.DataFrame()
JUNK
x.query('@pd.io.common.os.system(1)')
---
x = eval
JUNK
x('1')
---
import numpy as np
JUNK
def go(m): return m.os.environ
x = go
x(np)
---
import numpy as np
class K:
    def go(self, m): return m.os
JUNK
x = K()
x.go(np)
---
import pandas as pd
x = pd
JUNK
x.read_pickle('a')
---
JUNK
x.__class__.__mro__[1]
---
JUNK
x.__globals__['os']
---
JUNK
x.f_back.f_globals
---
import asyncio
x = asyncio.new_event_loop()
JUNK
x.create_connection(f)
---
from PIL import Image
x = Image.open('a')
JUNK
x.fp.read()
---
import string
x = string.Formatter()
JUNK
x.get_field('a', 1, 2)
---
import sqlite3
x = sqlite3.connect('a')
JUNK
x.load_extension('b')
---
import yaml
x = yaml
JUNK
x.unsafe_load('a')
---
from transformers import AutoModel
x = AutoModel
JUNK
x.from_pretrained('a', trust_remote_code=True)
---
import httpx
x = httpx.HTTPTransport
JUNK
x(uds='/a')
---
import logging
x = logging
JUNK
x.FileHandler('a')
"""


@pytest.mark.parametrize("junk", [LIBRARIES, FUNCTIONS, LIBRARIES + FUNCTIONS], ids=["libraries", "functions", "both"])
@pytest.mark.parametrize("source", CROWDED.strip().split("\n---\n"))
def test_attack_through_a_variable_that_may_hold_anything_is_refused(source, junk):
    assert not scan_files({"core.py": source.replace("JUNK\n", junk).encode() + b"\n"}).passed
