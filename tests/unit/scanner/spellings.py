"""More ways to write what is forbidden, one snippet each; every one of them must be refused."""

SPELLINGS = r"""
import enum; enum.bltns.eval('1')
---
import pydantic; pydantic.import_module('os').system('x')
---
from pydantic import import_module
---
import pandas; pandas.io.orc.io.open('x')
---
import pandas as pd; pd.io.parquet.io.FileIO('x')
---
import torch; torch.serialization.io.open('x')
---
import torch; torch.cuda.tunable.mp.Process(target=print).start()
---
import torch; torch.compiler.io.open_code('x')
---
import shelve; shelve.Unpickler(1).load()
---
import pyarrow; pyarrow.lib.signal.raise_signal(9)
---
import aiohttp; aiohttp.payload.io.open('x')
---
import tarfile; tarfile.bltn_open('x')
---
import sklearn.utils.discovery as d; d.import_module('os')
---
import json.tool; json.tool.sys.modules
---
from torch import load
load('x', weights_only=False)
---
import torch
f = torch.load
f('x', weights_only=False)
---
import torch
from functools import partial
f = partial(torch.load, weights_only=False)
---
import ffmpeg; ffmpeg.run(ffmpeg.input('x'), 'sh')
---
import ffmpeg; ffmpeg.input('x').output('y').run('sh')
---
import ffmpeg; ffmpeg.run_async(ffmpeg.input('x'), 'sh')
---
import ffmpeg; ffmpeg.probe('x', 'sh')
---
import ffmpeg; ffmpeg.probe('x', **{'cmd': 'sh'})
---
import ffmpeg; ffmpeg.output(ffmpeg.input('x'), 'y').overwrite_output().run('sh')
---
import ffmpeg
def f(s, c): return ffmpeg.run(s, c)
---
import ffmpeg; ffmpeg.compile(ffmpeg.input('x'), cmd='sh')
---
import pydantic
class A(pydantic.BaseModel):
    f: 'pydantic.ImportString'
---
from pydantic import BaseModel, PyObject
---
from pydantic.types import ImportString as S
---
import typing as t
t.get_type_hints(print, {}, {'x': eval})
---
import os
import pandas as pd; pd.DataFrame().query('@os.system("id")', engine='python')
---
import pandas as pd; pd.DataFrame({'a': [1]}).query('@pd.io.common.os.system("id")')
---
import pandas as pd
def f(df): return df.query('@pd.read_pickle("x")')
---
import pandas as pd
def f(df): return df.eval('a.__class__.__base__')
---
import pandas as pd
def f(df: pd.DataFrame, q): return df.query(q)
---
import numpy as np; np.vectorize(eval)(['1'])
---
import numpy as np; np.frompyfunc(exec, 1, 1)
---
import numpy as np; np.apply_along_axis(exec, 0, ['1'])
---
import pandas as pd; pd.Series(['1']).map(eval)
---
import pandas as pd; pd.Series([1]).pipe(exec)
---
import torch; torch.utils.data.DataLoader([1], num_workers=2)
---
import torch; torch.fx.symbolic_trace(print)
---
import torch; torch._C._jit_set_profiling_mode(False)
---
import torch; torch._dynamo
---
import torch._inductor
---
import transformers; transformers.utils.hub.os
---
from transformers import Tool
---
import transformers; transformers.load_tool('a/b')
---
from transformers import AutoTokenizer as A
A.from_pretrained('x', trust_remote_code=not False)
---
from transformers import AutoModel
class C:
    T = True
AutoModel.from_pretrained('x', trust_remote_code=C.T)
---
from transformers import AutoModel
def f(trust): return AutoModel.from_pretrained('x', trust_remote_code=trust)
f(True)
---
from PIL import Image; Image.os.system('x')
---
from PIL import features; features.os
---
from PIL import EpsImagePlugin; EpsImagePlugin.subprocess
---
from PIL import Image, ImageFont; ImageFont.os
---
import imageio.plugins.ffmpeg
---
import librosa; librosa.util.files.os
---
import soundfile; soundfile._os
---
import safetensors.torch; safetensors.torch.os
---
import httpx; httpx.Client(base_url='http://127.0.0.1')
---
import httpx; httpx.get('http://localhost:4566')
---
import requests; requests.get('http://' + '169.254.' + '169.254')
---
import requests; requests.get('http://{}/x'.format('169.254.169.254'))
---
import requests; requests.get('http://%s/' % '169.254.169.254')
---
import requests; requests.get(f"http://{'169.254.169.254'}/")
---
import requests; requests.get('http://169.254.169.254.nip.io/')
---
import requests; requests.get('http://2852039166/')
---
import requests; requests.get('http://0251.0376.0251.0376/')
---
import requests; requests.get('http://[fd00:ec2::254]/')
---
import requests; requests.get('HTTP://LOCALHOST/')
---
import requests; requests.get('http://①⑥⑨.254.169.254/')
---
import requests; requests.get('http://user@127.0.0.1/')
---
import requests; requests.get('http://example.com@127.0.0.1:80/')
---
import requests; requests.get('http://100.100.100.200/')
---
import aiohttp
async def f():
    async with aiohttp.ClientSession() as s: await s.get('http://192.0.0.192/')
---
import requests; requests.adapters.HTTPAdapter.send.__globals__['os']
---
import requests; requests.sessions.preferred_clock; requests.sessions.os
---
import httpcore; httpcore.ConnectionPool(uds='x')
---
x = type('X', (object,), {'__reduce__': lambda s: (eval, ('1',))})
---
class X:
    def __reduce__(self): return (print, ())
---
class X:
    def __init_subclass__(cls): exec('1')
---
class X:
    def __del__(self): exec('1')
---
class X:
    __slots__ = ()
    __class__ = property(lambda s: eval)
---
class X(dict):
    def __missing__(self, k): return eval
---
from __future__ import annotations
import dataclasses
@dataclasses.dataclass
class A:
    x: __import__('os') = 1
---
def f(x: eval('1')): pass
---
def f() -> exec('1'): pass
---
x: eval('1') = 1
---
lambda x=eval: x
---
type(lambda: 0)(compile, {})
---
async def f(): await eval('1')
---
def f(): yield from map(eval, ['1'])
---
[e for e in (eval,)]
---
{**{'a': eval}}
---
print(*[eval])
---
a, b = 1, eval
---
(x := eval)('1')
---
with eval('1') as x: pass
---
for eval in [eval]: eval('1')
---
import os as eval
eval.system('x')
---
try:
    import subprocess as json
except ImportError:
    import json
---
if False:
    import subprocess
---
def f():
    import subprocess
---
class A:
    import subprocess as s
---
import importlib.util as u; u.find_spec('os').loader.load_module()
---
import importlib.metadata as m; m.entry_points()
---
import importlib.metadata as m; m.distribution('x').entry_points[0].load()
---
import importlib.util as u; u.module_from_spec(u.find_spec('os'))
---
import os; os.walk.__globals__['system']
---
import os; os.fspath.__self__.system('x')
---
import math; math.sqrt.__self__
---
[].append.__self__
---
"".join.__self__
---
len.__self__.eval('1')
---
(1).__class__.__mro__[1].__subclasses__()
---
Exception.with_traceback.__objclass__
---
try: raise ValueError
except ValueError as e: e.with_traceback(None).__traceback__.tb_next
---
import sys; sys.exc_info()[2].tb_frame.f_back.f_globals
---
import sys; sys.exc_info()[-1].tb_frame
---
import sys
a, b, c = sys.exc_info()
c.tb_frame
---
import sys; sys.stdout.buffer.raw.__class__('x')
---
import io; type(io.BytesIO()).__base__
---
import io; io.TextIOWrapper(io.FileIO(3))
---
import logging; logging.os.system('x')
---
import logging; logging.Logger.manager
---
import logging; logging.sys.modules
---
import logging; logging.raiseExceptions; logging.threading
---
import asyncio; asyncio.run(asyncio.create_subprocess_exec('id'))
---
import asyncio; loop = asyncio.new_event_loop(); loop.create_unix_server(None, 'x')
---
import asyncio; asyncio.get_event_loop().sock_connect(1, 2)
---
import asyncio; asyncio.start_server(print)
---
import asyncio; asyncio.events.os
---
import asyncio; asyncio.base_events.socket
---
import asyncio; asyncio.tasks.contextvars
---
import concurrent.futures; concurrent.futures.process
---
import multiprocessing.dummy
---
import multiprocessing.pool; multiprocessing.pool.ThreadPool(2)
---
import threading as t
---
import numpy.ctypeslib
---
from numpy import ctypeslib as c
---
import numpy.testing as t; t.rundocs()
---
import numpy as np; np.testing.runstring('1', {})
---
import numpy as np; np.rec.fromfile('x')
---
import numpy as np; np.lib.format.read_array(1, allow_pickle=True)
---
import numpy as np; np.lib.format.open_memmap('x')
---
import numpy as np; np.DataSource().open('x')
---
import pyarrow.fs as f; f.LocalFileSystem()
---
import pyarrow as pa; pa.deserialize(b'')
---
import pyarrow.cuda
---
import polars as pl; pl.Expr.deserialize(b'', format='binary')
---
import polars as pl; pl.plugins.register_plugin_function(plugin_path='x.so', function_name='f', args=[])
---
import os; os.posix_spawn('/bin/sh', ['sh'], {})
---
import os; f = os.startfile; f('x')
---
import pty
---
from os import *
system('id')
---
import os as o; x = o.__dict__['system']
---
import sys; sys._getframe(0)
---
import sys; sys.settrace(lambda *a: None)
---
import sys; sys.meta_path.append(1)
---
import sys; sys.breakpointhook()
---
import pdb; pdb.run('1')
---
import code; code.interact()
---
import codeop; codeop.compile_command('1')
---
import runpy; runpy.run_path('x')
---
import pkgutil; pkgutil.resolve_name('os:system')
---
from importlib import util; util.spec_from_file_location('a', 'b')
---
import importlib.machinery as m; m.SourceFileLoader('a', 'b').load_module()
---
import _thread; _thread.start_new_thread(print, ())
---
import cffi; cffi.FFI().dlopen(None)
---
import numpy as np; np.ctypeslib.load_library('c', '/lib')
---
import numpy as np; np.load('x', allow_pickle=True)
---
import numpy as np; np.load('x', None, True)
---
import numpy as np; np.lib.npyio.os.system('x')
---
import numpy as np; np.memmap('x', mode='r')
---
import pandas as pd; pd.eval('__import__("os")')
---
import pandas as pd; pd.io.common.os.system('x')
---
import pandas as pd; pd.read_hdf('x')
---
import polars as pl; pl.LazyFrame.deserialize('x')
---
import torch; torch.utils.cpp_extension.load('x', ['a.cpp'])
---
import torch; torch.jit.load('x')
---
import torch.multiprocessing as mp; mp.spawn(print)
---
import torch; torch.distributed.init_process_group('gloo')
---
from transformers import AutoModel; k = {'trust_remote_code': True}; AutoModel.from_pretrained('x', **k)
---
from transformers import pipeline; pipeline('x', trust_remote_code=1)
---
from transformers.utils.import_utils import os as q; q.system('x')
---
import onnxruntime as o; s = o.SessionOptions(); s.register_custom_ops_library('x.so')
---
import PIL; from PIL import ImageShow; ImageShow.show(1)
---
from PIL import ImageGrab; ImageGrab.grab()
---
import cv2; cv2.os.system('x')
---
import ffmpeg; ffmpeg.probe('x', cmd='sh')
---
import ffmpeg; ffmpeg._run.subprocess.Popen('x')
---
import requests; requests.get('http://169.254.169.254/latest/meta-data')
---
import requests; requests.get('http://[::ffff:169.254.169.254]/')
---
import requests; requests.get('http://0x7f000001/')
---
import requests; requests.get('http://127.1/')
---
import requests; requests.get('http://metadata.google.internal/')
---
import httpx; httpx.Client(transport=httpx.HTTPTransport(uds='/var/run/docker.sock'))
---
import aiohttp; aiohttp.UnixConnector('/x')
---
import requests; requests.compat.os
---
import requests; requests.utils.os.system('x')
---
import httpx; httpx._utils.os.system('x')
---
import logging; logging.FileHandler('x')
---
import logging.handlers; logging.handlers.SocketHandler('x', 1)
---
import logging; logging.basicConfig(filename='x')
---
import logging.config; logging.config.dictConfig({'()': 'os.system'})
---
import logging.config; logging.config.listen()
---
import json; json.codecs.builtins.eval('1')
---
import re; re.enum.sys.modules
---
import typing; typing.sys.modules['os']
---
import typing; typing.get_type_hints(type('A', (), {'__annotations__': {'x': '__import__("os")'}}))
---
import typing; typing.ForwardRef('__import__("os")')._evaluate({}, {}, frozenset())
---
import dataclasses; dataclasses.make_dataclass('A', [('x', "int")], namespace={'y': eval})
---
import dataclasses; dataclasses.sys.modules
---
import dataclasses; dataclasses.builtins.eval
---
from pydantic import create_model; create_model('A', x=("__import__('os')", 1))
---
from pydantic import ImportString, TypeAdapter; TypeAdapter(ImportString).validate_python('os.system')
---
import functools; functools.reduce(lambda a, b: a.__getattribute__(b), ['system'], 1)
---
import operator; operator.attrgetter('__class__.__base__')(1)
---
import operator; operator.methodcaller('__subclasses__')(object)
---
"{0.__class__.__init__.__globals__}".format(1)
---
"{x.__globals__[os]}".format_map({'x': print})
---
(lambda: 0).__code__.co_consts
---
(lambda: 0).__code__.replace(co_code=b'')
---
type(1).mro()[-1].__subclasses__()
---
[].__reduce_ex__(2)[0].__globals__
---
print.__self__
---
class M(type):
    def __getitem__(c, x): return exec
class A(metaclass=M): pass
---
class A:
    def __class_getitem__(cls, k): return k
    __getitem__ = exec
---
class A: __add__ = eval
---
try: 1/0
except Exception as e: e.__traceback__.tb_frame.f_globals
---
def g(): yield
g().gi_frame.f_back.f_globals
---
async def g(): pass
g().cr_frame.f_builtins
---
match print:
    case object(__self__=b): b.eval('1')
---
import inspect; inspect.currentframe().f_back
---
import inspect; inspect.getmodule(print)
---
import gc; gc.get_referrers(1)
---
import weakref; weakref.sys
---
import types; types.FunctionType(types.CodeType(), {})
---
import types; types.CodeType
---
import trace; trace.Trace().run('1')
---
import doctest; doctest.testmod()
---
import unittest
---
import webbrowser; webbrowser.open('x')
---
import dbm; dbm.open('x')
---
import sqlite3; sqlite3.connect(':memory:').load_extension('x.so')
---
import xml.sax; xml.sax.parse('x', None)
---
import asyncio; asyncio.get_event_loop().subprocess_exec(None, 'id')
---
import asyncio; asyncio.get_running_loop().run_in_executor(None, eval, '1')
---
import asyncio; asyncio.open_connection('x', 1)
---
import asyncio; asyncio.new_event_loop().create_connection(None, 'x', 1)
---
import asyncio; asyncio.get_event_loop().add_reader(0, print)
---
from concurrent.futures import thread; thread.threading
---
import queue; queue.threading.Thread(target=print)
---
import tempfile; tempfile._os.system('x')
---
import tempfile; tempfile._io.open('x')
---
import shutil; shutil.os.system('x')
---
import shutil; shutil.unpack_archive('x')
---
import pathlib; pathlib.os.system('x')
---
import pathlib; pathlib.Path('x').write_text('y')
---
import glob; glob.os.system('x')
---
import zipfile; zipfile.os
---
import gzip; gzip.open('x')
---
import codecs; codecs.open('x')
---
import io; io.open('x')
---
import io; io.FileIO('x')
---
import io; io.open_code('x')
---
import _io; _io.open('x')
---
import linecache; linecache.getline('x', 1)
---
import os; os.open('x', 0)
---
import os; os.read(3, 1)
---
import os; os.putenv('x', 'y')
---
import atexit; atexit.register(print)
---
import distutils
---
import this
---
import ssl; ssl.get_server_certificate(('x', 1))
---
import msvcrt
---
import winreg
---
import crypt
---
import nis
---
import syslog
---
import termios
---
import tty
---
import faulthandler; faulthandler._sigsegv()
---
import builtins as b
b.__dict__['ex' + 'ec']('1')
---
from builtins import *
---
import builtins; vars(builtins)
---
__spec__.loader.load_module('os')
---
help()
---
input()
---
memoryview.__init__.__self__
---
def f(): ...
f.__kwdefaults__ = {}; f.__code__ = print
---
class A: pass
A.__class__ = type; A.__bases__ = ()
---
import numpy as np
np.sum = eval
---
import json
json.loads = exec
---
import numpy
numpy.array = lambda x: exec
---
setattr(object, 'x', 1)
---
object.__setattr__(1, 'x', 2)
---
object.__getattribute__(print, '__self__')
---
type.__getattribute__(int, 'mro')
---
import copyreg; copyreg.pickle(1, 2)
---
import pickle; pickle.Unpickler(1).load()
---
from pickle import loads as l; l(b'')
---
import pickle; pickle._loads(b'')
---
import cloudpickle; cloudpickle.loads(b'')
---
import yaml; yaml.load('x')
---
import yaml; yaml.unsafe_load('x')
---
from sklearn.externals import joblib
---
import psutil; psutil.Popen('x')
---
import IPython; IPython.embed()
---
import cython; cython.inline('x')
---
import sympy; sympy.sympify('x')
---
import sh
---
import fabric
---
exec = 1
del exec
exec('1')
---
x = [eval for _ in [0]][0]
---
d = dict(e=eval)
---
def f(x=__import__): return x('os')
---
print(*map(exec, ['1']))
---
import os.path as p; p.os.system('x')
---
import os.path; os.path.genericpath.os.system('x')
---
import concurrent.futures._base as b; b.threading
---
import contextlib; contextlib.os
---
import string; string.Formatter().get_field('0.__class__', (1,), {})
---
import random; random._os.system('x')
---
import uuid; uuid.os.system('x')
---
import platform; platform.os.system('x')
---
import platform; platform._syscmd_ver()
---
import difflib; difflib._namedtuple
---
import csv; csv.re.enum.sys
---
import configparser; configparser.os.system
---
import argparse; argparse._os.system('x')
---
import argparse; argparse.FileType('w')('x')
---
import sched; sched.threading
---
import locale; locale.os
---
import secrets; secrets.base64
---
import hmac; hmac._hashopenssl
---
import warnings; warnings._setoption
---
import traceback; traceback.walk_stack(None)
---
import tomllib; tomllib.load(open('x'))
---
import plistlib; plistlib.os
---
import email; email.sys
---
import zoneinfo; zoneinfo.reset_tzpath(['/'])
---
import reprlib; reprlib.builtins
---
import bisect; bisect.__loader__
---
import math; math.__spec__.loader
---
from typing import io
"""
