"""Ways around a deny-list, one snippet each, by family; every one of them must be refused."""

from textwrap import dedent

from tests.unit.scanner.principles import PRINCIPLES
from tests.unit.scanner.spellings import SPELLINGS

BUILTINS_BY_OTHER_NAMES = """
e = eval; e('1')
---
run = [exec][0]; run('1')
---
(lambda f: f('1'))(eval)
---
list(map(eval, ['1']))
---
def f(g=eval): return g('1')
---
import builtins; builtins.eval('1')
---
from builtins import eval as e
---
__builtins__['eval']('1')
---
__builtins__.eval('1')
---
x = __builtins__; x['eval']('1')
---
x = __builtins__
y = x.get('eval')
---
class A:
    x = eval
---
@eval
@str
def f(): pass
---
print.__self__.eval('1')
---
f'{eval("1")}'
---
[e := eval, e('1')]
---
match 1:
    case _ if eval('1'): pass
---
try: pass
except eval('ValueError'): pass
---
with open('/etc/passwd') as f: pass
---
async def f(): return [open(x) async for x in y]
---
def f(): return eval('1')
f()
eval = None
---
open('x')
def open(x): return x
---
if flag:
    open = str
open('/etc/passwd')
---
open = str
del open
open('/etc/passwd')
---
for open in []: pass
open('/etc/passwd')
---
try: 1/0
except ZeroDivisionError as open: pass
open('/etc/passwd')
---
class A:
    v = vars()
    vars = 1
---
def f():
    global compile
    compile = None
compile('1', '', 'eval')
---
getattr(x, 'y')
---
hasattr(x, 'y')
---
setattr(x, 'y', 1)
---
delattr(x, 'y')
---
globals()['x']
---
locals()
---
sorted(['1'], key=eval)
---
import functools
functools.partial(exec, '1')()
---
{'a': open}['a']('x')
---
type('X', (), {'run': exec})
---
breakpoint()
---
__loader__.load_module('os')
---
__spec__.loader
---
x = (eval if a else str)
---
x: int = eval('1')
---
def f() -> eval('int'): ...
---
assert compile('1', '', 'eval')
---
print(*map(open, names))
---
from operator import call
call(eval, '1')
"""

MODULES_BY_OTHER_WAYS = """
import os as o; o.system('id')
---
from os import system as s
---
from os import *
---
import os.system
---
from os import path as p
p.os.system('id')
---
import os.path
os.path.os.system('id')
---
x = __import__('os')
---
import importlib; importlib.import_module('os')
---
from importlib import import_module
---
import importlib as i; i.__import__('os')
---
import importlib.util
importlib.util.module_from_spec(s)
---
import importlib.machinery
---
from importlib import machinery
---
import importlib
importlib.util.find_spec('os').loader.load_module('os')
---
import sys; sys.modules['os'].system('id')
---
from sys import modules
---
import sys as s
m = s.modules
---
import os
x = os
x.system('id')
---
import os
(lambda m: m.system('id'))(os)
---
import os
d = {'m': os}
---
import os
def f(): return os
---
import os
class A:
    m = os
---
import sys
f(sys)
---
import os
[m := os]
---
import os
[m.system('id') for m in [os]]
---
import json
json.codecs.open('/etc/passwd')
---
import json
json.decoder.scanner.re.enum.sys.modules
---
import logging
logging.os.system('id')
---
import logging as l
l.sys.modules
---
import re
re.enum.sys.modules['os']
---
import typing
typing.sys.modules
---
import dataclasses
dataclasses.sys.modules['os']
---
import random
random._os.system('id')
---
import tempfile
tempfile._os.system('id')
---
import collections
collections._sys.modules
---
import glob
glob.os.system('id')
---
import shutil
shutil.os.system('id')
---
import pathlib
pathlib.os.system('id')
---
from shutil import os
---
from json import codecs
---
from logging import os as harmless
---
import posix; posix.system('id')
---
import nt
---
import _posixsubprocess
---
import _ctypes
---
import _socket
---
import _thread
---
import _io
---
import _pickle
---
import pkgutil
---
import runpy
---
import code
---
import codeop
---
import pdb
---
import bdb
---
import trace
---
import pydoc
---
import unittest.mock
---
import doctest
---
import zipimport
---
import site
---
import webbrowser
---
import antigravity
---
import ctypes.util
---
import multiprocessing.pool
---
from multiprocessing import Process
---
from concurrent.futures import ProcessPoolExecutor
---
import concurrent.futures
concurrent.futures.ProcessPoolExecutor()
---
from concurrent.futures.process import ProcessPoolExecutor
---
from concurrent import futures
futures.thread.threading.Thread()
---
import asyncio
asyncio.create_subprocess_shell('id')
---
import asyncio
asyncio.subprocess.create_subprocess_exec('id')
---
import asyncio.subprocess
---
from asyncio import subprocess
---
import asyncio
asyncio.get_event_loop().subprocess_exec(p, 'id')
---
import asyncio
asyncio.open_connection('h', 1)
---
import asyncio
asyncio.base_events.socket.socket()
---
import asyncio.events
---
import select
---
import selectors
---
import socketserver
---
import http.client
---
from http import client
---
import http.server
---
import urllib.request
---
from urllib import request
---
import xmlrpc.client
---
import ftplib
---
import smtplib
---
import telnetlib
---
import imaplib
---
import poplib
---
import ssl
ssl.socket.socket()
---
import ssl
ssl.get_server_certificate(('h', 1))
---
import mmap
---
import signal
---
import atexit
---
import faulthandler
---
import gc
gc.get_objects()
---
from gc import get_referrers
---
import inspect
inspect.currentframe()
---
import inspect
inspect.stack()
---
from inspect import getmembers
---
import inspect
inspect.sys.modules
---
import sys
sys._getframe()
---
import sys
sys.settrace(f)
---
from sys import meta_path
---
import types
types.CodeType()
---
import types
types.FunctionType.__code__.co_code
---
import copyreg
---
import dis
---
import tracemalloc
---
import linecache
---
import fileinput
---
import io
io.open('/etc/passwd')
---
from io import open
---
import io
io.FileIO('/etc/passwd')
---
from io import FileIO as F
---
import io
io.open_code('/etc/passwd')
---
import codecs
codecs.open('/etc/passwd')
---
from codecs import open as o
---
import tokenize
tokenize.open('x')
---
import gzip
gzip.open('/etc/passwd')
---
import bz2
bz2.open('x')
---
import lzma
lzma.open('x')
---
import os
os.open('/etc/passwd', 0)
---
import os
os.fdopen(3)
---
import os
os.read(3, 10)
---
import os
os.execv('/bin/sh', [])
---
import os
os.posix_spawn('/bin/sh', [], {})
---
import os
os.fork()
---
import os
os.kill(1, 9)
---
import os
os.symlink('a', 'b')
---
import os
os.chdir('/')
---
import os
os.putenv('A', 'b')
---
import os
os.environ["LD_PRELOAD"] = "x"
---
import os
v = "A"
os.environ[v] = "x"
---
import os
for v in ("OMP_NUM_THREADS",):
    v = "LD_PRELOAD"
    os.environ[v] = "x"
---
import os
for v in ("OMP_NUM_THREADS",):
    pass
v = "LD_PRELOAD"
os.environ[v] = "1"
---
import os
for v in ("OMP_NUM_THREADS", "PATH"):
    os.environ[v] = "1"
---
import os
os.environ.setdefault("HF_ENDPOINT", "1")
---
import os
os.environ.update({"OMP_NUM_THREADS": "1", **d})
---
import os
os.environ.update(**d)
---
import os
os.environ.update(OMP_NUM_THREADS="1", PATH="2")
---
import os
os.environ |= {"OMP_NUM_THREADS": "1"}
---
import os
f = os.environ.setdefault
f("PATH", "x")
---
import os
for v in ("OMP_NUM_THREADS",):
    def f():
        nonlocal v
    [os.environ.setdefault(v, "1") for v in ("PATH",)]
---
import os
for v in ("OMP_NUM_THREADS",):
    if (v := "PATH"):
        os.environ.setdefault(v, "1")
---
import os
os.environ.clear()
---
import os
os.environ["CUDA_VISIBLE_DEVICES"] = "0"
---
import os
os.close(3)
---
import os
f = os.close
f(0)
---
import os
os.closerange(0, 9)
---
import ffmpeg
ffmpeg.input('x').output('y').run(cmd=['ffmpeg', '-i', '/etc/passwd'])
---
import ffmpeg
ffmpeg.input('x').output('y').run(cmd=['ffmpeg', flag])
---
import os
os.environ['A'] = 'b'
---
import os
os.environ.update(A='b')
---
from os import environ
environ['A'] = 'b'
---
import os
e = os.environ
e.pop('A')
---
import os
del os.environ['A']
---
import os
os.memfd_create('x')
---
import os
os.setuid(0)
---
import os
os.dup2(1, 2)
---
import sys
sys.path.append('/tmp')
---
import sys
sys.stdout = x
---
import sys
sys.setrecursionlimit(10**9)
---
import sys
sys.exc_info()[2].tb_frame.f_globals
---
from pathlib import Path
Path('/etc/passwd').read_text()
---
from pathlib import Path
p = Path('/etc')
(p / 'passwd').open()
---
import pathlib as pl
pl.PosixPath('/etc/passwd').read_bytes()
---
from pathlib import Path
def f(p: Path): return p.read_text()
---
from pathlib import Path
[x.read_text() for x in Path('/etc').iterdir()]
---
from pathlib import Path
Path.read_text(p)
---
from pathlib import Path
Path.home().joinpath('x').write_text('y')
---
import logging
logging.FileHandler('/tmp/x')
---
import logging.handlers
---
from logging import config
---
from logging import FileHandler
---
import logging
logging.basicConfig(filename='/tmp/x')
---
import pickle
pickle.Unpickler(f).load()
---
import pickle as p
f = p.loads
---
import shelve
shelve.open('x')
---
import marshal
marshal.loads(b'')
---
import argparse
argparse.FileType('r')('x')
---
import platform
platform.subprocess.run('id')
---
import uuid
uuid.os.system('id')
---
import timeit
timeit.timeit("__import__('os').system('id')")
---
from timeit import Timer
Timer(stmt="import subprocess")
---
import timeit
timeit.repeat(payload)
---
import cProfile
cProfile.run("eval('1')")
---
import sqlite3
sqlite3.connect(':memory:').enable_load_extension(True)
---
import distutils.spawn
---
import pip
---
import setuptools
---
import cffi
---
import dill
---
import cloudpickle
---
import pexpect
---
import string.os
---
import contextlib
contextlib.os.system('id')
---
from contextlib import chdir
---
import functools
functools.reduce
x = functools
---
import weakref
weakref.sys.modules
---
import plugin_sdk.host
---
from core import settings
---
from engine.plugins.extractors.pipeline import os
---
from engine.models import subprocess
---
import shared.secret
---
from shared.plugins.sdk import _connection
---
import engine.models.loader
engine.models.loader.os.system('id')
---
from ... import secrets
---
import pwd
---
import zipapp
---
import venv
---
import gettext
---
import readline
---
import this_is_fine, subprocess
"""

DUNDERS = """
().__class__.__bases__[0].__subclasses__()
---
x.__class__.__mro__[1]
---
c = x.__class__; c()
---
for c in x.__mro__: c()
---
m = x.__mro__
m[0]
---
a, b = x.__mro__
b()
---
s = x.__subclasses__
s()
---
next(iter(x.__mro__))()
---
list(x.__bases__)[0]
---
x.__class__ = Y
---
x.__class__.y = 1
---
f.__globals__['os']
---
f.__globals__.get('os')
---
g = f.__globals__
g.items()
---
f.__code__.co_consts
---
f.__code__.replace(co_code=b'')
---
f.__code__ = g
---
x.__dict__['y']
---
x.__dict__.update(y=1)
---
x.__getattribute__('y')
---
object.__getattribute__(x, 'y')
---
object.__setattr__(x, 'y', 1)
---
x.__reduce__()
---
x.__reduce_ex__(2)
---
f.__closure__
---
f.__func__
---
f.__self__
---
f.__wrapped__
---
x.__init_subclass__.__func__
---
f.__defaults__
---
np.__loader__
---
np.__spec__
---
e.__traceback__
---
e.tb_frame
---
g.gi_frame.f_back
---
c.cr_frame
---
g.gi_code
---
a.ag_frame
---
f.func_globals
---
x.f_builtins
---
type(x).mro()[1]
---
'{0.__class__.__init__.__globals__}'.format(x)
---
'{x.__globals__[os]}'.format_map({'x': f})
---
fmt = '{0.' + '__init__' + '.__globals__[sys]}'
fmt.format(f)
---
'{0._secret}'.format(x)
---
a = '__glo'; b = 'bals__'
('{0.' + a + b + '}').format(f)
---
'%s' % '{0.__reduce__}'
---
match x:
    case object(__globals__=g):
        g['os']
---
match x:
    case object(__class__=c):
        c()
---
match x:
    case object(__reduce__=r): pass
---
match np:
    case object(_core=c): pass
---
import numpy as np
match np:
    case object(os=o): o.system('id')
---
from operator import attrgetter
attrgetter('__class__.__bases__')(x)
---
import operator
operator.attrgetter('os.system')(np)('id')
---
from operator import methodcaller
methodcaller('__subclasses__')(object)
---
from operator import methodcaller as m
m('system', 'id')(o)
---
import operator as o
o.attrgetter(name)(x)
---
from operator import attrgetter as a
a('__cl' + 'ass__')(x)
---
class A:
    def __reduce__(self): return eval, ('1',)
---
class A:
    __reduce_ex__ = None
---
class A:
    __array_interface__ = {'data': (0, False)}
---
__path__ = ['/tmp']
---
__builtins__ = {}
---
super().__thisclass__
---
x._A__secret
---
obj._private
---
import torch
torch._C._jit
---
import numpy as np
np._globals
---
from numpy import _core
---
import pandas as pd
pd.DataFrame()._mgr
---
from collections import namedtuple
namedtuple('A', 'b')._source
---
x.__class__.__name__.__class__
---
def f(): return __class__()
---
c = [x.__class__][0]
c()
---
d = dict(c=x.__class__)
d['c']()
---
class H:
    def __init__(self, x): self.kind = x.__class__
    def run(self): return self.kind()
---
def kind(x): return x.__class__
kind(y)()
---
(x.__class__ or y)()
---
type(x).__mro__[1]
---
x.__subclasshook__
"""

LIBRARY_CHAINS = """
import numpy as np
np.os.system('id')
---
import numpy as np
m = np
m.os.system('id')
---
import numpy as np
def f(lib): lib.os.system('id')
f(np)
---
import numpy as np
def f(*libs):
    for lib in libs: lib.os.system('id')
f(np)
---
import numpy as np
def f(lib=np): lib.os.system('id')
---
import numpy as np
class A:
    lib = np
    def f(self): self.lib.os.system('id')
---
import numpy as np
class A:
    def __init__(self): self.x = np
    def f(self): return self.x.sys.modules
---
import numpy as np
d = {'n': np}
d['n'].os.system('id')
---
import numpy as np
[x.os for x in [np]]
---
import numpy as np
[*y] = [np]
y[0].os.system('id')
---
import numpy as np
def g(): yield np
for x in g(): x.os.system('id')
---
import numpy as np
(x := np).os.system('id')
---
import numpy as np
list(map(lambda m: m.os.system('id'), [np]))
---
import numpy as np
from functools import reduce
reduce(lambda a, m: m.os.system('id'), [np], 0)
---
import numpy as np
y = []
y.append(np)
y[0].os.system('id')
---
import numpy as np
y = {}
y['a'] = np
y['a'].os.system('id')
---
import numpy as np
def f(**kw): kw['m'].os.system('id')
f(m=np)
---
import numpy as np
with x as y: pass
z = np if y else None
z.os.system('id')
---
import numpy as np
async def f(): return np
async def g(): (await f()).os.system('id')
---
import numpy as np
@(lambda f: np)
def n(): pass
n.os.system('id')
---
import numpy as np
class A:
    @property
    def lib(self): return np
    def f(self): self.lib.os.system('id')
---
import numpy as np
import copy
copy.copy(np).os
---
from numpy import os
---
from numpy import os as o
---
import numpy.f2py
---
from numpy import ctypeslib
---
import numpy as np
np.ctypeslib.ctypes.CDLL
---
import numpy as np
np.memmap('/etc/passwd')
---
import numpy as np
np.fromfile('/etc/passwd')
---
import numpy as np
np.lib.format.open_memmap('/etc/passwd')
---
import numpy as np
np.array([1]).tofile('/tmp/x')
---
import numpy as np
np.array([1]).ctypes.data
---
import numpy as np
np.lib.stride_tricks.as_strided(a, (9,))
---
from numpy.lib.stride_tricks import as_strided
---
import numpy as np
np.load(p, allow_pickle=True)
---
import numpy as np
np.load(p, None, True)
---
import numpy as np
np.load(p, allow_pickle=flag)
---
import numpy as np
np.load(p, **options)
---
from numpy import load
load(p, allow_pickle=1)
---
from functools import partial
import numpy as np
partial(np.load, allow_pickle=True)(p)
---
import pandas as pd
pd.io.common.os.system('id')
---
import pandas as pd
pd.io.common.get_handle('/etc/passwd', 'r')
---
import pandas as pd
pd.read_pickle('x')
---
import pandas
pandas.io.pickle.read_pickle('x')
---
from pandas import read_pickle
---
import pandas as pd
pd.compat.pickle_compat.load(f)
---
import pandas as pd
pd.eval("__import__('os').system('id')")
---
import pandas as pd
pd.eval(text)
---
import pandas as pd
pd.DataFrame().query("@pd.io.common.os.system('id')")
---
import pandas as pd
def f(batch: pd.DataFrame): return batch.eval("@pd.io.common.os.system('id')")
---
import pandas as pd
def f(df): return df.query('@pd.compat.sys.modules')
---
import pandas as pd
def f(df): return df.query("@df.__class__.__init__.__globals__['sys']")
---
import pandas as pd
q = '@pd.io.' + 'common.os.system("id")'
pd.DataFrame().query(q)
---
import pandas as pd
pd.set_option('plotting.backend', 'os')
---
import pandas as pd
pd.DataFrame().plot(backend='evil')
---
import pandas as pd
pd.read_clipboard()
---
import pandas as pd
pd.HDFStore('x')
---
import polars as pl
pl.Expr.deserialize(b)
---
import polars as pl
pl.plugins.register_plugin_function(plugin_path='x')
---
import pyarrow as pa
pa.memory_map('/etc/passwd')
---
import pyarrow as pa
pa.OSFile('/etc/passwd')
---
import pyarrow.fs
---
from pyarrow import fs
---
import pyarrow as pa
pa.input_stream('/etc/passwd')
---
import pyarrow as pa
pa.foreign_buffer(1, 2)
---
import pyarrow as pa
pa.deserialize(b)
---
import pyarrow.flight
---
import torch
torch.os.system('id')
---
import torch
torch.load('x', weights_only=False)
---
import torch
torch.load('x', weights_only=w)
---
import torch
torch.serialization.load('x', weights_only=False)
---
from torch import load as l
l('x', weights_only=False)
---
import torch
torch.load('x', **{'weights_only': False})
---
import torch
kw = dict(weights_only=False)
torch.load('x', **kw)
---
import torch
torch.hub.load('a/b', 'c')
---
from torch import hub
---
import torch.hub
---
import torch
torch.ops.load_library('x.so')
---
import torch
torch.classes.load_library('x.so')
---
from torch.utils import cpp_extension
---
from torch.utils.cpp_extension import load_inline
---
import torch
torch.package.PackageImporter('x')
---
import torch
torch.multiprocessing.Process
---
import torch.distributed
---
import torch
torch.UntypedStorage.from_file('/etc/passwd')
---
import torch
torch.jit.CompilationUnit('def f(): pass')
---
import torch
torch.utils.model_zoo.load_url('http://x')
---
import torch
torch.utils.benchmark.Timer("__import__('os')")
---
import torch
torch.utils.data.dataloader.os.system('id')
---
import torch
torch.jit.load('x.pt')
---
from transformers import AutoModel
AutoModel.from_pretrained('x', trust_remote_code=True)
---
from transformers import AutoModel
AutoModel.from_pretrained('x', trust_remote_code=flag)
---
from transformers import AutoModel
AutoModel.from_pretrained('x', **options)
---
from transformers import pipeline
pipeline('x', trust_remote_code=True)
---
from sentence_transformers import SentenceTransformer
SentenceTransformer('x', trust_remote_code=True)
---
from sentence_transformers import SentenceTransformer as S
kw = {'trust_remote_code': True}
S('x', **kw)
---
from sentence_transformers.util import import_from_string
---
import sentence_transformers
sentence_transformers.util.os.system('id')
---
import transformers
transformers.utils.import_utils.importlib.import_module('os')
---
from transformers.dynamic_module_utils import get_class_from_dynamic_module
---
from transformers import load_tool
---
model.start_multi_process_pool()
---
import onnxruntime as ort
ort.SessionOptions().register_custom_ops_library('x.so')
---
options.register_custom_ops_library('x.so')
---
from PIL import ImageMath
ImageMath.unsafe_eval('1')
---
from PIL import ImageMath
ImageMath.eval('1')
---
from PIL import ImageGrab
---
from PIL import Image
Image.open('x').show()
---
from PIL import Image
Image.open('/etc/passwd').fp.read()
---
from PIL import Image
Image.os.system('id')
---
import cv2
cv2.os.system('id')
---
import imageio
imageio.core.Request('x', 'r').get_file()
---
import librosa
librosa.util.files.os.system('id')
---
import soundfile
soundfile._ffi.dlopen('x')
---
import soundfile as sf
sf.read('/etc/passwd', format='RAW', channels=1, samplerate=1, subtype='PCM_U8')
---
import ffmpeg
ffmpeg.input('x').output('y').run(cmd='/bin/sh')
---
import ffmpeg
ffmpeg.run(s, cmd=['sh'])
---
import ffmpeg
ffmpeg.probe('x', cmd=evil)
---
import ffmpeg._run
---
import requests
requests.compat.sys
---
import requests
requests.sessions.os.system('id')
---
import requests.packages.urllib3.util.connection
requests.packages.urllib3.connection.socket.socket()
---
import httpx
httpx.HTTPTransport(uds='/var/run/docker.sock')
---
from httpx import AsyncHTTPTransport
AsyncHTTPTransport(uds=path)
---
import aiohttp
aiohttp.UnixConnector('/x.sock')
---
from aiohttp import web
---
import aiohttp
aiohttp.web.Application()
---
import aiohttp
aiohttp.connector.socket.socket()
---
from pydantic import ImportString
---
import pydantic
pydantic.ImportString
---
from pydantic import create_model
create_model('X', a=("__import__('os').system('id')", ...))
---
from pydantic import TypeAdapter
TypeAdapter("eval('1')")
---
from pydantic import BaseModel
class M(BaseModel):
    x: "__import__('os').system('id')"
---
from typing import List
x: List["eval('1')"]
---
from typing import Optional
Alias = Optional["open('/etc/passwd')"]
---
import typing
typing.ForwardRef("eval('1')")
---
def f(x: 'exec("1")') -> None: ...
---
def f() -> "[c for c in ().__class__.__base__.__subclasses__()]": ...
---
import yaml
yaml.load(text)
---
import yaml
yaml.load(text, Loader=yaml.Loader)
---
import yaml
yaml.unsafe_load(text)
---
from yaml import UnsafeLoader
---
import joblib
joblib.load('x')
---
import numexpr
numexpr.evaluate('1')
---
from sympy import sympify
---
import numpy as np
np.load = f
---
import torch
torch.nn.Module.__call__ = f
---
import requests
requests.get = lambda *a: None
---
import json
json.loads = evil()
---
import pandas as pd
pd.DataFrame.to_csv = lambda self: None
---
import psutil
psutil.Process(1).kill()
---
import fsspec
fsspec.open('/etc/passwd')
---
x.os.system('id')
---
x.y.subprocess.run('id')
---
o = x.os
o.system('id')
---
s = x.sys
s.modules
---
from transformers.utils.hub import os
---
import transformers
transformers.torch.hub.load('a', 'b')
---
import sentence_transformers as st
st.SentenceTransformer.np.memmap
---
subprocess_like.run(cmd, shell=True)
---
import six
six.exec_('1')
---
import huggingface_hub.commands
"""

ADDRESSES = """
u = 'http://169.254.169.254/latest/meta-data'
---
u = 'http://127.0.0.1:8000'
---
u = 'https://localhost/x'
---
u = 'http://LOCALHOST./'
---
u = 'http://2130706433/'
---
u = 'http://0x7f000001/'
---
u = 'http://0177.0.0.1/'
---
u = 'http://127.1/'
---
u = 'http://0/'
---
u = 'http://0.0.0.0:4566'
---
u = 'http://[::1]/'
---
u = 'http://[::ffff:127.0.0.1]/'
---
u = 'http://[::ffff:7f00:1]/'
---
u = 'http://[fd00:ec2::254]/'
---
u = 'http://user:pw@127.0.0.1/'
---
u = 'http://example.com@169.254.169.254/'
---
u = 'http://metadata.google.internal/'
---
u = 'http://169.254.169.254.nip.io/'
---
u = 'http://127.0.0.1.sslip.io/'
---
u = 'http://１２７.０.０.１/'
---
u = 'http://127。0。0。1/'
---
u = 'http://%31%32%37.0.0.1/'
---
u = 'http://0251.0376.0251.0376/'
---
u = 'http://2852039166/'
---
u = 'http://0xa9fea9fe/'
---
u = 'ftp://127.0.0.1/'
---
u = 'ws://localhost:9'
---
u = 'http+unix://%2Fvar%2Frun%2Fdocker.sock/info'
---
u = 'unix:///var/run/docker.sock'
---
u = '/var/run/docker.sock'
---
h = '169.254.169.254'
---
u = 'http://' + '169.254' + '.169.254/'
---
host = '127.0.0.1'
u = f'http://{host}:80/'
---
u = 'http://{}/'.format('169.254.169.254')
---
u = 'http://%s/' % '127.0.0.1'
---
u = '.'.join(['169', '254', '169', '254'])
---
u = 'http://100.100.100.200/'
---
u = 'http://kubernetes.default.svc/'
---
u = 'http://host.docker.internal/'
---
u = 'http:\\\\\\\\127.0.0.1/'
---
u = 'http://[::]/'
---
u = 'http://[64:ff9b::7f00:1]/'
---
u = 'rtsp://127.0.0.1/cam'
---
u = 's3://x?endpoint=http://127.0.0.1:4566'
---
u = b'http://169.254.169.254/'.decode()
"""

ROUNDABOUT = r"""
from pathlib import Path
class P(Path): pass
P('/etc/passwd').read_text()
---
from pathlib import Path
class P(type(Path())):
    def go(self): return self.read_text()
---
from pathlib import Path
class P(Path):
    def go(self): return super().read_bytes()
---
import numpy as np
class C:
    def __class_getitem__(cls, m): return m.os
C[np]
---
import numpy as np
class C:
    def __add__(self, m): m.os.system('id')
C() + np
---
import numpy as np
class C:
    def __contains__(self, m): m.os.system('id')
np in C()
---
import numpy as np
class C:
    def __getattr__(self, n): return np
C().x.os.system('id')
---
import numpy as np
class D:
    def __get__(self, o, t): return np
class A: x = D()
A().x.os.system('id')
---
import numpy as np
class C:
    def __enter__(self): return np
    def __exit__(self, *a): pass
with C() as y: y.os.system('id')
---
import numpy as np
class C:
    def __iter__(self): yield np
for y in C(): y.os.system('id')
---
import numpy as np
try: raise ValueError(np)
except ValueError as e: e.args[0].os.system('id')
---
import numpy as np
def g():
    x = yield
    x.os.system('id')
next(h := g()); h.send(np)
---
import numpy as np, collections
N = collections.namedtuple('N', 'm')
N(np).m.os.system('id')
---
import numpy as np, types
types.SimpleNamespace(m=np).m.os.system('id')
---
import numpy as np, queue
q = queue.Queue(); q.put(np); q.get().os.system('id')
---
import numpy as np, contextvars
v = contextvars.ContextVar('v'); v.set(np); v.get().os.system('id')
---
import numpy as np
X = type('X', (), {'m': np})
X.m.os.system('id')
---
import numpy as np
from functools import partial
partial(lambda m: m.os.system('id'), np)()
---
import numpy as np
from concurrent.futures import ThreadPoolExecutor
ThreadPoolExecutor().submit(lambda m: m.os.system('id'), np)
---
import numpy as np
from dataclasses import dataclass
@dataclass
class A:
    m: object
A(np).m.os.system('id')
---
import numpy as np
from typing import NamedTuple
class A(NamedTuple):
    m: object
A(np)[0].os.system('id')
---
x: "T"
T = "eval('1')"
def f(a: T): pass
---
T = "eval('1')"
from pydantic import TypeAdapter
TypeAdapter(T)
---
__annotations__['x'] = "eval('1')"
---
class A: pass
A.__annotations__ = {'x': "eval('1')"}
---
class A:
    __annotations__ = {'x': "eval('1')"}
---
import types, typing
typing.get_type_hints(types.SimpleNamespace(__annotations__={'x': 'y'}))
---
from pydantic import BaseModel, Field, ConfigDict
from typing import Any
class M(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    g: Any = Field(alias='__globals__')
M.model_validate(f).g['os']
---
from pydantic import AliasPath
AliasPath('f', '__globals__', 'os')
---
df.agg('__reduce__')
---
df.apply('_mgr')
---
import torch
torch.fx.GraphModule(r, g)
---
arr.ctypes.data
---
from transformers import pipeline
pipeline('x', model_kwargs={'trust_remote_code': True})
---
kw = {}
kw['trust_remote_code'] = True
---
import types
types.FunctionType(f.__code__, {})
---
type(f)(f.__code__, {})
---
def f(c): pass
f(g.__globals__)
---
import importlib
importlib.reload(x)
---
import zipfile
zipfile.ZipFile('/etc/passwd').fp.read()
---
import tarfile
tarfile.open('x').fileobj
---
import asyncio
loop = asyncio.get_running_loop()
loop.create_connection(f, 'h', 1)
---
import asyncio
asyncio.new_event_loop().add_signal_handler(1, f)
---
import argparse
argparse.ArgumentParser(fromfile_prefix_chars='@')
---
import shlex
shlex.shlex('x').sourcehook('/etc/passwd')
---
import string
string.Formatter().get_field('0.__class__', [1], {})
---
import jinja2
jinja2.Template("{{ ''.__class__ }}")
---
from jinja2 import Template
Template(text)
---
from pandas import *
read_pickle('x')
---
from pandas import *
f = read_pickle
---
from numpy import *
memmap('/etc/passwd')
---
ｅval('1')
---
import ｏs
os.system('id')
---
import os
os.ｓystem('id')
---
x.__ｃlass__()
---
df.query(expr="@x.__class__.__mro__[1]")
---
import torch as t
f = t.load
f('x', weights_only=False)
---
import torch
loaders = {'a': torch.load}
loaders['a']('x', weights_only=False)
---
import numpy as np
[f(p, allow_pickle=True) for f in (np.load,)]
---
import numpy as np
class L:
    load = staticmethod(np.load)
L.load('x', allow_pickle=True)
---
import torch
def load(fn, p): return fn(p, weights_only=False)
load(torch.load, 'x')
---
from functools import partial
import torch
p = partial(torch.load, weights_only=False)
---
import torch
torch.load('x', pickle_module=m)
---
import pandas as pd
pd.options.plotting.backend = 'evil'
---
import os
(lambda: os)().system('id')
---
import os
def f(): yield os
---
import os
x = os if 1 else 2
---
import os
assert os.path.os
---
import os
from contextlib import nullcontext
with nullcontext(os) as o: o.system('id')
---
import os
os: object
o = os
---
for os in [1]: pass
import os
os.system('id')
---
import os.path as os
os.genericpath.os.system('id')
---
import numpy as np
np.lib.os
---
import concurrent.futures.thread
---
import concurrent.futures.process as p
---
import xml.sax
xml.sax.make_parser()
---
from xml.sax import parse
---
import logging
logging.getLogger().manager.loggerDict
---
import logging
logging.Logger.manager._clear_cache()
---
import asyncio
asyncio.sslproto.warnings.sys
---
import email
email.message_from_string('x').policy._x
---
import inspect
inspect.getsource(f)
---
import weakref
weakref.WeakValueDictionary
x = weakref
---
import collections
collections.namedtuple.__globals__['_sys']
---
import json
json.JSONEncoder.default.__globals__['__builtins__']
---
json_dumps.__globals__
x = f.__globals__; x['a']
---
e.__traceback__.tb_frame.f_back
---
import warnings
warnings.catch_warnings()._module.sys
---
import warnings
warnings.sys.modules
---
import warnings
warnings.linecache
---
from dataclasses import sys
---
import enum
enum.sys.modules
---
import dataclasses
dataclasses.builtins.eval('1')
---
import dataclasses as d
d.inspect.sys
---
import typing
typing.contextlib.os.system('id')
---
import ast
ast.sys.modules
---
import datetime
datetime.sys.modules
---
import csv
csv.io.open('x')
---
import hashlib
hashlib.__builtins__['eval']
---
import heapq
heapq.__builtins__
x = heapq.__builtins__['eval']
---
import numbers
numbers.__loader__.load_module('os')
---
import numbers
numbers.__spec__.loader.load_module('os')
---
import statistics
statistics.sys.modules
---
import configparser
configparser.os.system('id')
---
import base64
base64.struct.x
base64.re.enum.sys
---
import calendar
calendar.sys
---
import decimal
decimal._sys
---
import textwrap
textwrap.re.copyreg
---
import urllib.parse
urllib.parse.sys.modules
---
from urllib.parse import sys
---
import http.cookies
http.cookies.re.enum.sys
---
import time
time.tzset()
---
import locale
locale.setlocale(0)
---
from locale import setlocale
---
import xml.etree.ElementTree as ET
ET.sys.modules
---
import zipfile
zipfile.os.system('id')
---
import tarfile
tarfile.os
---
import secrets
secrets.os
---
import platform
platform.os.system('id')
---
import platform
platform.popen('id')
---
import mimetypes
mimetypes.os
---
import fnmatch
fnmatch.os
---
import sqlite3
sqlite3.dbapi2.collections.abc.sys
---
import sched
sched.threading.Thread
---
import queue
queue.threading.Thread
---
import functools
functools.namedtuple.__globals__['x']
---
import copy
copy.weakref.sys
---
import pprint
pprint._sys
---
import traceback
traceback.linecache.getlines('/etc/passwd')
---
import traceback
traceback.sys
---
import unicodedata
unicodedata.ucd_3_2_0.__class__()
---
import struct
struct.__loader__
---
from struct import __loader__
---
from json import __builtins__
---
import _json
---
import sre_parse
---
import idlelib
---
import ensurepip
---
import nturl2path
---
import requests
requests.utils.os.environ
---
import requests
requests.utils.io.open('x')
---
import requests
requests.cookies.threading
---
import httpx
httpx._client.x
---
import pydantic
pydantic.dataclasses.sys.modules
---
import pydantic
pydantic.types.re.enum.sys
---
import pydantic.main as m
m.sys.modules
---
from pydantic.main import sys
---
from pydantic.v1.utils import import_string
---
import polars as pl
pl.io.os
---
import polars
polars.os.system('id')
---
import cv2
cv2.importlib.import_module('os')
---
import PIL.Image
PIL.Image.builtins.eval
---
import soundfile
soundfile.sys
---
import librosa
librosa.lazy.importlib
---
import librosa.core.audio as a
a.os
---
import imageio
imageio.core.util.os
---
import torch.serialization as s
s.os.system('id')
---
import torch.serialization
torch.serialization.pickle.loads
---
import torch
torch.storage.io
torch.storage.pickle.loads(b)
---
import torch.utils.data as d
d.sys
---
import transformers.utils as u
u.os.system('id')
---
import transformers
transformers.sys.modules
---
import transformers
transformers.utils.hub.subprocess.run('id')
---
import onnxruntime
onnxruntime.capi.os
---
import safetensors.numpy as s
s.os.system('id')
---
import safetensors.torch as s
s.sys.modules
---
import numpy.ma.core as c
c.builtins.eval('1')
---
from numpy.ma.core import builtins
---
import numpy.lib.npyio as n
n.pickle.loads(b)
---
from numpy.lib import format as f
f.pickle.loads(b)
---
import pandas.core.common as c
c.builtins
---
import pandas.io.api as a
a.read_pickle('x')
---
import pandas
pandas.io.formats.console.os
---
import pyarrow.parquet as pq
pq.os.system('id')
---
import pyarrow
pyarrow.lib.os
---
import pyarrow as pa
pa.parquet.core.os
---
import engine.models as m
m.os.system('id')
---
import shared.plugins.sdk as s
s.socket
---
import engine
engine.plugins.host.zygote
---
import plugin_sdk
---
from plugin_sdk.scanner import tables
---
import subprocess as json
json.run('id')
---
if True:
    from subprocess import run
---
try: import ctypes
except ImportError: ctypes = None
---
class A:
    import socket
---
lambda: __import__('os')
---
x = [i for i in range(3) if exec('1')]
---
f"{open('x').read()}"
---
f'{x:{eval("1")}}'
---
"{0.__class__.__subclasses__}".format(x)
---
"{0[__globals__]}".format({'x': 1})
f.__globals__[1]
---
"".join(['{0.__cl', 'ass__.__mro__[0]}']).format(x)
---
("{0." + "__class__" * 1 + ".__base__}").format(x)
---
import logging
logging.Formatter('{0.__globals__[x]}', style='{')
---
type(x).__subclasses__()
---
object.__subclasses__()
---
type.__subclasses__(object)
---
type.mro(x)
---
x.__class__.mro()
---
x.__class__.__init__.__globals__
---
x.__init__.__globals__['os']
---
x.__init__.__builtins__
y = x.__init__.__builtins__['eval']
---
x.__call__.__self__
---
(lambda: 0).__code__.co_code
---
def f(): pass
f.__code__ = g.__code__
---
f.__kwdefaults__
---
A.__bases__ = (B,)
---
A.__bases__ += (B,)
---
x.__dict__ = {}
---
del x.__class__
---
with x.__class__() as y: pass
---
async def f(): await x.__class__()
---
@x.__class__
def f(): pass
---
[c() for c in x.__subclasses__()]
---
k, *_ = x.__mro__
k()
---
(lambda c: c())(x.__class__)
---
map(lambda c: c(), x.__mro__)
---
x.__mro__.__getitem__(1)
---
x.__globals__.values()
---
for k, v in f.__globals__.items(): pass
---
dict(f.__globals__)['os']
---
{**f.__globals__}['os']
---
[*f.__globals__.values()]
---
match f.__globals__:
    case {'os': o}: o.system('id')
---
match f:
    case object(__globals__={'os': o}): o.system('id')
---
match x:
    case [object(__class__=c)]: c()
"""

PLAIN_FLOWS = r"""
import torch
torch.utils.data.DataLoader(d, worker_init_fn=eval)
---
import numpy as np
np.vectorize(open)('x')
---
import pandas as pd
pd.io.parsers.readers.os.system('id')
---
import numpy as np
def outer():
    lib = np
    def inner():
        nonlocal lib
        return lib.os
    return inner
---
import numpy as np
def f():
    global G
    G = np
f()
G.os.system('id')
---
import numpy as np
class A:
    pass
A.m = np
A.m.os
---
import numpy as np
a = b = c = np
c.os
---
import numpy as np
(a, (b, c)) = (1, (2, np))
c.os
---
import numpy as np
x = {**{'m': np}}
x['m'].os
---
import numpy as np
x = [*[np]]
x[0].os
---
import numpy as np
x = np or None
x.os
---
import numpy as np
for i, m in enumerate([np]): m.os
---
import numpy as np
for a, m in zip([1], [np]): m.os
---
import numpy as np
for k, v in {'a': np}.items(): v.os
---
import numpy as np
x = next(iter([np]))
x.os
---
import numpy as np
x = sorted([np], key=id)[0]
x.os
---
import numpy as np
x = max([np], key=id)
x.os
---
import numpy as np
f = lambda: np
f().os
---
import numpy as np
class S:
    def __init__(self): self.stack = []
    def push(self, x): self.stack.append(x)
    def pop(self): return self.stack.pop()
s = S(); s.push(np); s.pop().os
---
import numpy as np
def deco(f): return np
@deco
class X: pass
X.os
---
import numpy as np
from typing import cast
cast(object, np).os
---
import numpy as np
def f(x, *, m): m.os
f(1, m=np)
---
import numpy as np
def f(x): x().os
f(lambda: np)
---
import numpy as np
class B:
    def hook(self, m): pass
    def run(self): self.hook(np)
class C(B):
    def hook(self, m): m.os.system('id')
C().run()
---
import numpy as np
type('X', (), {})(np)
class X:
    def __init__(self, m): m.os.system('id')
    def again(self): return type(self)(np)
---
import numpy as np
class M(type):
    def __getattr__(cls, n): return np
class A(metaclass=M): pass
A.zzz.os.system('id')
---
import numpy as np
class A:
    def __init_subclass__(cls, lib=None): lib.os.system('id')
class B(A, lib=np): pass
---
import numpy as np
import itertools
for m in itertools.chain([np]): m.os
---
import numpy as np
import asyncio
async def f(m): m.os.system('id')
asyncio.run(f(np))
---
import numpy as np
x = (yield_ for yield_ in (np,))
next(x).os
---
import numpy as np
try: x = np
finally: pass
x.os
---
import numpy as np
assert (y := np)
y.os
---
import numpy as np
import contextlib
@contextlib.contextmanager
def cm(): yield np
with cm() as m: m.os
---
import numpy as np
import functools
@functools.lru_cache
def f(): return np
f().os
---
import numpy as np
import functools
class A:
    @functools.cached_property
    def lib(self): return np
A().lib.os
---
import numpy as np
def f(a, b=(lambda: np)): return b().os
---
import numpy as np
d = dict(m=np)
d.get('m').os
---
import numpy as np
d = dict([('m', np)])
d['m'].os
---
import numpy as np
t = (np,)
t[0].os
---
import numpy as np
s = {np}
s.pop().os
---
import numpy as np
match [np]:
    case [m]: m.os
---
import numpy as np
match {'a': np}:
    case {'a': m}: m.os
---
import numpy as np
match np:
    case m: m.os
---
import numpy as np
match np:
    case m if m.os: pass
---
import numpy as np
x = np if a else b if c else d
x.lib.os
---
from os import (path,
  system)
---
import os, sys as s, json
s.modules
---
if 1: import subprocess as sp
---
from subprocess import *
---
def f():
    from os import popen
    return popen('id')
---
import os
os.\
system('id')
---
import os; f = os.system; g = f; g('id')
---
import os
[os.system][0]('id')
---
import os
os.path.os.path.os.system('id')
---
import importlib as i
i.util.spec_from_file_location('x', 'y')
---
from importlib import util
util.module_from_spec(s)
---
import importlib.resources
---
from importlib.metadata import entry_points
---
import importlib.metadata as m
m.entry_points()[0].load()
---
import ctypes as np
---
import _ctypes_test
---
import _imp
---
import marshal
x = marshal.load
---
import dbm
---
import imp
---
import asyncore
---
import turtle
---
import tkinter
---
import test.support
---
import pickle
class P(pickle.Unpickler): pass
---
import pandas as pd
pd.DataFrame().to_pickle
pd.read_pickle
---
from pandas.io.pickle import read_pickle
---
import joblib
f = joblib.load
---
import dill as p
---
from torch.serialization import load
load('x', weights_only=False)
---
import torch
def load(path, weights_only): return torch.load(path, weights_only=weights_only)
load('x', False)
---
import torch
W = False
torch.load('x', weights_only=W)
---
import torch
torch.load('x', weights_only=not True)
---
import torch
torch.load('x', weights_only=0)
---
from transformers import AutoTokenizer as T
T.from_pretrained('x', **{'trust_remote_code': True})
---
import httpx
httpx.Client(transport=httpx.HTTPTransport(uds='/x'))
---
import requests
requests.get('http://localhost:4566')
---
import requests
port = 4566
requests.get(f'http://127.0.0.1:{port}/')
---
H = 'localhost'
u = 'http://' + H
---
BASE = 'http://169.254.169.254'
def url(p): return BASE + p
---
u = 'HTTP://LocalHost/'
---
u = '//169.254.169.254/latest'
---
u = 'http://①②⑦.⓪.⓪.①/'
---
u = 'http://localhost%2e/'
---
u = 'http://0000::1/'
---
u = 'http://[0:0:0:0:0:0:0:1]:80/'
---
u = 'http://[fe80::1]/'
---
u = 'redis://localhost:6379/0'
---
u = 'http://example.com/?u=http://169.254.169.254/'
---
u = 'localhost:4566'
---
u = '127.0.0.1:8000'
"""

FAMILIES = {
    "builtins": BUILTINS_BY_OTHER_NAMES,
    "modules": MODULES_BY_OTHER_WAYS,
    "dunders": DUNDERS,
    "libraries": LIBRARY_CHAINS,
    "addresses": ADDRESSES,
    "roundabout": ROUNDABOUT,
    "flows": PLAIN_FLOWS,
    "spellings": SPELLINGS,
    **PRINCIPLES,
}


def snippets() -> list[tuple[str, str]]:
    """Every snippet with the name of its family."""
    return [(family, dedent(text).strip()) for family, texts in FAMILIES.items() for text in texts.split("\n---\n")]
