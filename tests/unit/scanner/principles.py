"""Attacks on each principle of the scan in turn, several spellings each; every one of them must be refused."""

OPTIONS = r"""
import torch
torch.utils.data.DataLoader(d, num_workers=4)
---
from torch.utils.data import DataLoader
DataLoader(d, batch_size=2, num_workers=n)
---
import logging
logging.basicConfig(filename='/etc/x')
---
import logging
logging.basicConfig(**cfg, filename=f)
---
import numpy as np
np.load('x.npy', allow_pickle=True)
---
import numpy as np
np.lib.npyio.NpzFile('x', allow_pickle=True)
---
import numpy as np
np.lib.format.read_array(f, allow_pickle=True)
---
import numpy as np
a = np.load
a('x', allow_pickle=bool(1))
---
import numpy as np
options = {'allow_pickle': True}
np.load('x', **options)
---
import torch.utils.data
torch.utils.data.DataLoader(d, num_workers=0, multiprocessing_context='spawn')
---
import torch
torch.utils.data.DataLoader(d, **kw)
---
import transformers
transformers.pipeline('x', num_workers=4)
transformers.Trainer(m)._save(x)
---
import datasets
datasets.load_dataset('x', trust_remote_code=True)
---
import joblib
joblib.Parallel(n_jobs=2)(f)
---
import ffmpeg
ffmpeg.input('x').output('y').run(cmd=['sh', '-c', 'id'])
---
import ffmpeg
ffmpeg.input('x').output('y').run_async(cmd='sh')
---
import httpx
httpx.HTTPTransport(**{'uds': '/x'})
"""

KNOWN_CALLS = r"""
from torch.utils.data import DataLoader as D
D(d, 1, False, None, None, 2)
---
import torch.multiprocessing as mp
mp.spawn(f)
---
from joblib import Memory
---
import sklearn
from sklearn.externals import joblib
---
import pandas as pd
pd.read_pickle(b)
---
import numpy as np
np.f2py.compile('x')
---
import numpy.distutils
---
import numpy as np
np.testing.rundocs('x')
---
import pandas as pd
pd.DataFrame().to_pickle('x')
pd.read_hdf('x')
---
import PIL.ImageShow
---
from PIL import ImageMath as m
m.lambda_eval
m.unsafe_eval('1')
---
import imageio
imageio.plugins.ffmpeg.subprocess
---
import yaml
yaml.full_load(x)
---
import yaml
yaml.load(x, yaml.UnsafeLoader)
---
import numexpr as ne
ne.evaluate(x)
---
import sympy
sympy.sympify(x)
---
import sympy
sympy.lambdify(x, y)
---
import keras
keras.models.load_model('x', safe_mode=False)
---
import keras
keras.config.enable_unsafe_deserialization()
---
import psutil
psutil.Popen(['id'])
---
import git
git.Repo('.').git.execute(['id'])
---
import click
click.edit('x')
---
import six
six.moves.builtins
---
import IPython
IPython.get_ipython().system('id')
---
import nltk
nltk.load('x.pickle')
---
import gensim
gensim.utils.unpickle('x')
---
import asteval
asteval.Interpreter()('1')
---
import simpleeval
simpleeval.simple_eval('1')
---
import datasets
datasets.Dataset.from_dict({}).map(f, num_proc=4)
---
import transformers
transformers.TrainingArguments(dataloader_num_workers=4)
"""

EVALUATED_TEXT = r"""
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class A:
    x: __import__('os').system('id') = 1
---
from __future__ import annotations
def f(x: "__import__('os').system('id')"): pass
---
from dataclasses import dataclass, field
@dataclass
class A:
    f: object = field(default_factory=eval)
---
from dataclasses import dataclass, field
import numpy as np
@dataclass
class A:
    m: object = np
    def go(self): self.m.os.system('id')
---
from typing import get_type_hints as g
class A: x: 'eval("1")'
g(A)
---
import typing
class A: pass
A.__annotations__['x'] = "__import__('os')"
typing.get_type_hints(A)
---
import pandas as pd
def f(df): return df.query("a.__class__.__mro__")
---
import pandas as pd
def f(df: pd.DataFrame, q): return df.query(q, local_dict={'os': 1})
---
import pandas as pd
pd.DataFrame().eval("@f.__globals__['os'].system('id')")
---
df.eval("@x.__class__.__subclasses__()")
---
df.query("@pd.read_pickle('x')")
---
df.query("index.map(@eval)")
---
import polars as pl
pl.SQLContext().execute(sql)
pl.Expr.deserialize(f)
---
import polars as pl
pl.sql_expr("x")
pl.DataFrame.deserialize(open('x'))
---
import polars as pl
pl.LazyFrame.deserialize(b)
---
import sqlite3
sqlite3.connect('x').enable_load_extension(True)
---
import timeit
timeit.timeit(code)
---
import cProfile
cProfile.run('__import__("os")')
---
import jinja2
jinja2.Environment().from_string("{{ x.__class__ }}")
---
from pydantic import TypeAdapter
TypeAdapter('List[__import__("os")]')
---
from typing import NamedTuple
N = NamedTuple('N', [('x', "__import__('os')")])
---
import dataclasses
dataclasses.make_dataclass('A', [('x', "eval('1')")])
"""

DUNDERS = r"""
class A:
    def __init_subclass__(cls, hook=None, **k): hook('1')
class B(A, hook=eval): pass
---
class A:
    def __class_getitem__(cls, x): return x.os
import numpy as np
A[np].system('id')
---
def __getattr__(name): return __import__(name)
---
from functools import reduce
import operator
reduce(lambda a, b: operator.attrgetter(b)(a), ['__class__'], x)
---
import operator
operator.attrgetter('__class__.__mro__')(x)
---
import operator
operator.methodcaller('__reduce__')(x)
---
import operator
list(map(operator.attrgetter('f_back'), x))
---
import inspect
inspect.currentframe().f_back.f_globals
---
import sys
sys.stdout.buffer.raw
x = sys.__stdout__
---
from string import Formatter
Formatter().vformat('{0.__class__.__mro__[1]}', [1], {})
---
import string
class F(string.Formatter):
    def get_field(self, n, a, k): return super().get_field('0.__globals__', a, k)
---
f"{x.__class__.__mro__[1].__subclasses__()}"
---
f"{(lambda: x.__globals__['os'])()}"
---
'{x.__class__.__init__.__globals__}'.format(**d)
---
'{a}'.format(**locals())
---
'{x.__init__.__globals__[os]}'.format_map(d)
---
fmt = '{0.__init__.' '__globals__[os]}'
str.format(fmt, x)
---
str.format_map('{x.f_globals}', d)
---
import polars as pl
pl.col('a').map_batches(lambda s: s.__class__.__mro__[1].__subclasses__())
---
class M(type):
    def __getattr__(cls, n): return eval
---
import numpy as np
x = np.array([1]); x.__array_interface__['data']
---
import numpy as np
class A:
    __array_interface__ = {'data': (0, False)}
---
x = (lambda: 0).__code__.replace(co_code=b'')
---
def f(): pass
f.__code__ = c
---
f.__defaults__ = (1,)
---
f.__closure__[0].cell_contents
---
x = f.__wrapped__.__globals__
---
f.__get__(x).__func__
---
super().__getattribute__('x')
---
object.__setattr__(x, '__class__', y)
---
type.__getattribute__(x, 'mro')
---
x.__dir__()
vars(x)
---
e.__traceback__.tb_frame
---
e.with_traceback(None).__traceback__.tb_next.tb_frame
---
try: 1/0
except Exception as e: e.__traceback__
---
g.gi_frame.f_globals
---
async def f(): pass
f().cr_frame
"""

FUNCTIONS = r"""
import functools, operator
functools.reduce(getattr, ['a', 'b'], x)
---
import operator as o
o.attrgetter('__glo' + 'bals__')(f)
---
from operator import attrgetter as a
a(*names)(x)
---
import operator
operator.methodcaller('system', 'id')(x)
---
import operator
operator.methodcaller(name)(x)
---
import inspect
inspect.getmembers(x)
---
import inspect
inspect.getattr_static(x, 'y')
---
import inspect
inspect.getmodule(f)
---
from gc import get_referents
---
import codecs
codecs.lookup('x').decode
codecs.register(f)
---
import codecs
eval(codecs.decode('x', 'rot13'))
---
from logging.config import dictConfig
---
from logging.config import fileConfig as f
---
import logging
logging.config.dictConfig({})
---
import polars as pl
pl.col('a').map_elements(eval)
---
import polars as pl
pl.io.cloud
pl.scan_delta
pl.plugins.register_plugin_function
---
import contextlib
@contextlib.contextmanager
def cm():
    yield eval
with cm() as e: e('1')
---
import contextlib
with contextlib.ExitStack() as s: s.callback(eval, '1')
---
import contextlib
with contextlib.redirect_stdout(x): pass
contextlib.chdir('/')
---
@(lambda f: eval)
def g(): pass
---
import builtins as b
b.eval
---
import os
os.startfile('x')
---
import torch
torch.serialization.add_safe_globals([eval])
---
import pyarrow.dataset as ds
ds.fs
---
from pydantic import Field
x = Field(default_factory=eval)
---
import types
types.FunctionType(c, {})
---
import types
types.CodeType(0)
---
import weakref
weakref.finalize(x, eval, '1')
---
import weakref, os
weakref.finalize(x, os.system, 'id')
---
import sched, time
sched.scheduler(time.time).enter(1, 1, eval, ('1',))
---
import numpy as np
np.vectorize(eval)('1')
---
import numpy as np
np.apply_along_axis(exec, 0, x)
---
import pandas as pd
df = pd.DataFrame()
df.apply(eval)
---
import pandas as pd
pd.Series(['1']).map(exec)
---
import librosa
librosa.cache
---
import cv2
cv2.VideoCapture('x', cv2.CAP_GSTREAMER)
---
import safetensors
safetensors.os
"""

STATE = r"""
import gc
gc.get_referrers(x)
---
import sys
sys.modules['os']
---
import sys
sys.setrecursionlimit(9)
---
import sys
sys.stdin.read()
---
import os
os.environ['PATH'] = 'x'
---
import os
os.environ.update(a=1)
---
import os
os.putenv('a', 'b')
---
import os
e = os.environ
e['LD_PRELOAD'] = 'x'
---
import warnings
warnings.showwarning = f
---
import sys
sys.path.insert(0, '/tmp')
---
import sys
sys.excepthook = f
---
import sys
sys.stdout = f
---
import random
random.seed = f
---
import time
time.sleep = lambda x: None
---
import requests
requests.Session.request = f
---
import os
os.umask(0)
---
import os
os.nice(1)
---
import os
os.register_at_fork(before=f)
---
import os
del os.environ['PATH']
---
import os
os.environ |= {'a': 'b'}
---
import sys
sys.setprofile(f)
---
import sys
sys.addaudithook(f)
---
import sys
sys.meta_path.append(f)
---
import sys
del sys.modules['os']
---
import sys
sys.displayhook = f
---
import sys
sys.setswitchinterval(9)
---
import gc
gc.disable()
---
import gc
gc.callbacks.append(f)
---
import locale
locale.setlocale(locale.LC_ALL, 'C')
---
import asyncio
asyncio.set_event_loop_policy(p)
---
import logging
logging.setLoggerClass(C)
---
import logging
logging.root.handlers.clear()
---
import warnings
warnings.formatwarning = f
---
import socket as s
s.setdefaulttimeout(1)
"""

PRIVATE = r"""
import sys
sys._current_frames()
---
import torch
torch.tensor([1]).data_ptr()
torch.UntypedStorage._new_shared_fd(1)
---
import pyarrow as pa
pa.Array._import_from_c(1, 2)
---
x._mgr
---
import requests
requests.Session()._x
---
import soundfile
soundfile._snd
---
x._x__y
---
import pandas as pd
pd.DataFrame()._constructor_sliced
---
import torch
torch.nn.Linear(1, 1)._call_impl
---
import torch
torch._C
---
from torch import _C
---
import numpy as np
np._core
---
import httpx
httpx.Client()._transport
---
import PIL.Image as I
I.open('x')._getexif()
---
from pandas._libs import lib
---
match x:
    case object(_mgr=m): pass
---
'{0._mgr}'.format(df)
---
import operator
operator.attrgetter('_mgr')(df)
---
df.agg('_mgr')
"""

FILE_DOORS = r"""
import codecs
codecs.decode('...', 'rot13')
codecs.StreamReaderWriter(open('x'), a, b)
---
import logging.config
logging.config.dictConfig({'handlers': {'f': {'()': 'os.system', 'command': 'id'}}})
---
from logging.handlers import SocketHandler
---
from pandas.io.common import get_handle
---
import pandas as pd
h = pd.io.common
h.get_handle('/etc/passwd', 'r')
---
import os
os.chmod('x', 0o777)
---
import os
os.sendfile(1,2,3,4)
---
from os import fdopen
---
import torch
torch.jit.load('x')
torch.jit.script(open)
---
import pathlib
pathlib.Path('/etc/passwd').read_text()
---
from pathlib import Path as P
P('/x').open()
---
import shutil
shutil.make_archive('a', 'zip')
---
import shutil
shutil.chown('x')
---
import tokenize
tokenize.open('/etc/passwd')
---
import numpy as np
np.DataSource().open('/etc/passwd')
---
import numpy as np
np.array(1).dump('x')
np.array(1).tofile('x')
---
import pandas as pd
pd.Series([]).pipe(open)
"""

MEMORY = r"""
import numpy as np
np.ctypeslib.load_library('x', '.')
---
from numpy.ctypeslib import as_ctypes
---
import numpy
numpy.ctypeslib.as_array(p)
---
import torch
torch.utils.cpp_extension.load('x', ['x.cpp'])
---
from torch.utils import cpp_extension as c
---
import torch.utils.cpp_extension as c
c.load_inline('x')
---
import numpy as np
np.frombuffer(b).ctypes.data_as(x)
---
import onnxruntime as o
o.SessionOptions().register_custom_ops_library('x')
---
import numpy as np
np.ctypeslib.as_array(p, (9,))
---
import numpy as np
np.lib.stride_tricks.as_strided(a, (10 ** 9,))
---
x.__array_interface__
---
x.__array_struct__
---
class A:
    __cuda_array_interface__ = {}
---
import torch
torch.cuda.cudart()
---
import torch
torch.cuda.memory.CUDAPluggableAllocator('a.so', 'b', 'c')
---
import pyarrow as pa
pa.cffi
---
import pyarrow.jvm
---
from pyarrow import foreign_buffer as f
---
import onnxruntime as ort
ort.preload_dlls()
---
import scipy
scipy.LowLevelCallable(f)
---
import cupy
cupy.RawKernel('x', 'y')
---
import tensorflow as tf
tf.load_op_library('x.so')
---
import imageio.core.util as u
u.load_lib
---
a.ctypes.data_as(p)
"""

ADDRESSES = r"""
import pandas as pd
pd.io.common.urlopen('http://x')
---
import requests
requests.get('http://0x7f.1/')
---
import httpx
httpx.get('http://169.254.169.254/latest')
---
import requests
requests.get('http://[::ffff:a9fe:a9fe]/')
---
import requests
requests.get('http://127.0.0.1.nip.io')
---
import aiohttp
aiohttp.ClientSession(base_url='http://localhost')
---
import pandas as pd
pd.read_csv('http://127.0.0.1/x')
---
import requests
requests.get('http://017700000001/')
---
import requests
requests.get(url='HTTP:\\\\localhost')
---
import requests
requests.get('http://fd00:ec2::254/')
---
import requests
requests.get('https://metadata.google.internal./computeMetadata/v1/')
---
import requests
host = '169.254' + '.169.254'
requests.get('http://' + host)
---
import requests
requests.get('http://%s.%s.169.254' % ('169', '254'))
---
import requests
requests.get('http://' + '.'.join(['127','0','0','1']))
"""

PLATFORM = r"""
import pandas as pd
def f(df: pd.DataFrame): return df.eval("x = @__import__('os').system('id')", engine='python')
---
import engine.plugins.host
---
from plugin_sdk import host
---
import core.stores
---
from shared.plugins import zygote
---
import batch
---
from infra import emulator
---
import functions.api
---
from engine.models.loader import os
---
from shared.plugins.sdk import _broker
"""

SERVICES = r"""
import asyncio
asyncio.get_event_loop().run_in_executor(None, eval, '1')
---
import urllib3
urllib3.connection.socket
---
import ssl
ssl.socket
---
import concurrent.futures as c
c.ProcessPoolExecutor()
---
from concurrent.futures import ProcessPoolExecutor as P
---
import threading as t
t.Thread(target=f)
---
import aiohttp
aiohttp.UnixConnector(path='/x')
---
import requests
requests.adapters.socket
---
import requests
requests.packages.urllib3.util.connection.socket
---
import aiohttp
aiohttp.web.run_app(a)
---
import aiohttp.test_utils
---
from aiohttp import web as w
---
import asyncio
asyncio.start_server(f, 'h', 1)
---
import asyncio
asyncio.get_running_loop().create_server(f)
---
import anyio
anyio.connect_tcp('h', 1)
---
import trio
trio.open_tcp_stream('h', 1)
---
import pandas as pd
pd.io.common.urlopen('x')
---
import pyarrow.flight as f
---
import pyarrow as pa
pa.fs.S3FileSystem()
---
import torch
torch.distributed.rpc
---
import torch.distributed as d
---
import transformers
transformers.commands
"""

MANY_VALUES = r"""
import numpy as np, json, re, math, time, uuid, csv, copy, base64, hashlib, struct, zlib, random, string, textwrap
for m in [json, re, math, time, uuid, csv, copy, base64, hashlib, struct, zlib, random, string, textwrap, np]:
    m.os.system('id')
---
import numpy as np, pandas as pd, json, re, math, time, uuid, csv, copy, base64, hashlib, struct, zlib, random, string
class A:
    def __init__(self): self.m = json
for m in [json, re, math, time, uuid, csv, copy, base64, hashlib, struct, zlib, random, string, pd, np]: A.m = m
A().m.os
---
import torch
def a(): pass
def b(): pass
def c(): pass
def d(): pass
def e(): pass
def f(): pass
def g(): pass
def h(): pass
def i(m): m.os.system('id')
for run in [a, b, c, d, e, f, g, h, i]: run(torch)
---
import numpy as np
class A:
    def run(self, m): pass
class B(A):
    def run(self, m): pass
class C(A):
    def run(self, m): pass
class D(A):
    def run(self, m): pass
class E(A):
    def run(self, m): pass
class F(A):
    def run(self, m): pass
class G(A):
    def run(self, m): pass
class H(A):
    def run(self, m): pass
class I(A):
    def run(self, m): pass
class J(A):
    def run(self, m): m.os.system('id')
for k in A.__subclasses__: k
def go(x): x.run(np)
---
import torch
x = 'a'; x = 'b'; x = 'c'; x = 'd'; x = 'e'; x = 'f'; x = 'g'; x = 'h'
x = [x, x, torch.load, torch.nn, torch.optim, torch.cuda, torch.fft, torch.jit, torch.linalg, torch.special, torch.xpu]
x[2]('w', weights_only=False)
---
import numpy as np
x = [np.load, np.a, np.b, np.c, np.d, np.e, np.f, np.g, np.h, np.i, np.j, np.k, np.l, np.m, np.n, np.o, np.p]
x[0]('w', allow_pickle=True)
---
import numpy as np
x = [np.a, np.b, np.c, np.d, np.e, np.f, np.g, np.h, np.i, np.j, np.k, np.l, np.m, np.n, np.o, np.p]
x[0].os.system('id')
---
q = 'a'; q = 'b'; q = 'c'; q = 'd'; q = 'e'; q = 'f'; q = 'g'; q = 'h'; q = 'i'; q = 'j'; q = 'k'; q = 'l'
q = '@pd.io.common.os.system("id")'
import pandas as pd
pd.DataFrame().query(q)
---
from pathlib import Path
class P(Path): pass
class Q(P): pass
Q('/etc/passwd').read_text()
---
from pathlib import Path
class A(Path):
    def name2(self): return 1
class B(A): pass
class C(B):
    def go(self): return super().read_bytes()
"""

PRINCIPLES = {
    "options": OPTIONS,
    "known calls": KNOWN_CALLS,
    "evaluated text": EVALUATED_TEXT,
    "dunders": DUNDERS,
    "functions": FUNCTIONS,
    "state": STATE,
    "private": PRIVATE,
    "file doors": FILE_DOORS,
    "memory": MEMORY,
    "addresses": ADDRESSES,
    "platform": PLATFORM,
    "services": SERVICES,
    "many values": MANY_VALUES,
}
