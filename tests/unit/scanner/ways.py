"""Yet more ways around a deny-list, by what carries them; every one of them must be refused."""

# doors of libraries, of the standard library and of the network
LIBRARIES = r"""
import numpy as np
class M(type):
    def __getattr__(cls, n): return np
class A(metaclass=M): pass
A.x.os.system('id')
---
import numpy as np
class D:
    def __set_name__(self, owner, name): self.o = np
class A:
    d = D()
A.d.o.os
---
class A:
    def __init_subclass__(cls, f=eval): cls.r = f('1')
---
import numpy as np
class A:
    def __init_subclass__(cls, m, **k): cls.m = m
class B(A, m=np): pass
B.m.os.system('x')
---
import torch
def f(x, /, *, m=torch): return m.hub
---
import pandas as pd
pd.Series([1]).map(eval)
---
import pandas as pd
df = pd.DataFrame()
df.pipe(eval, '1')
---
import pandas as pd
df = pd.DataFrame()
df.eval("x = @__import__('os').system('id')")
---
import pandas as pd
q = "@pd.io.common.os.system('id')"
df = pd.DataFrame()
df.query(expr=q, engine='python')
---
import numpy as np
np.frompyfunc(eval, 1, 1)(['1'])
---
import numpy as np
np.vectorize(exec)(['1'])
---
from _ctypes import dlopen
---
from ctypes import *
---
import numpy as np
np.ctypeslib.load_library('c', '/')
---
from numpy.ctypeslib import as_array
---
import torch
torch.ops.load_library('/x.so')
---
import torch
torch.classes.load_library('/x.so')
---
import torch
torch._dynamo.config
---
import torch
torch.storage.UntypedStorage.from_file('/etc/passwd', False, 10)
---
import torch
torch.from_file('/etc/passwd')
---
import torch
torch.load('x', pickle_module=p)
---
import torch
torch.save(x, '/tmp/a', pickle_module=p)
---
import torch.multiprocessing as mp
---
import torch
torch.multiprocessing.spawn(f)
---
import numpy as np
np.fromfile('/etc/passwd', dtype=np.uint8)
---
import numpy as np
np.testing.measure('1')
---
from numpy.testing import *
runstring('1', {})
---
from numpy import testing as t
t.rundocs('x')
---
import numpy.distutils.exec_command
---
from pandas import read_pickle as r
---
import pandas as pd
pd.io.pickle.read_pickle('x')
---
import pandas as pd
pd.DataFrame.from_records
pd.read_hdf('x')
---
import pandas as pd
pd.core.computation.eval.eval('1')
---
import pandas as pd
pd.io.common.get_handle('x', 'r')
---
from joblib import load
load('x')
---
import yaml
yaml.load(x, Loader=yaml.UnsafeLoader)
---
import yaml
yaml.unsafe_load(x)
---
import yaml
yaml.load(x, yaml.Loader)
---
from yaml import Loader, load
load(x, Loader)
---
import importlib.resources as r
r.files('x')
---
from importlib import resources
---
import importlib.metadata as m
m.entry_points()['x'].load()
---
import multiprocessing.connection
---
import concurrent.futures.process
---
from asyncio import subprocess as s
---
import asyncio
loop = asyncio.get_event_loop()
loop.subprocess_exec(f, 'id')
---
import asyncio
async def f():
    r, w = await asyncio.open_connection('1.2.3.4', 80)
---
import gc
gc.get_referrers(f)
---
import inspect
inspect.stack()[0].frame
---
import inspect
inspect.getclosurevars(f)
---
import inspect
inspect.getattr_static(o, 'x')
---
import inspect
inspect.getmembers(o)
---
import typing
def f(x: "__import__('os').system('id')"): pass
typing.get_type_hints(f)
---
import dataclasses
dataclasses.make_dataclass('A', [('x', "__import__('os').system('id')")])
---
import dataclasses
dataclasses.make_dataclass('A', ['x'], namespace={'__reduce__': f})
---
import enum
E = enum.Enum('E', {'x': eval})
---
import string
string.Template.pattern = x
---
import string
string.Formatter().vformat('{0.__class__.__mro__}', (1,), {})
---
import logging.config
---
from logging import handlers
---
import logging
logging.Logger.manager.loggerDict
---
import urllib3
urllib3.connectionpool.socket
---
import requests
requests.get('http://169.254.169.254/')
---
import requests
requests.get('http://2852039166/latest')
---
import requests
requests.get('http://0xA9FEA9FE/')
---
import requests
requests.get('http://user:pw@169.254.169.254/')
---
import requests
requests.get('http://example.com@127.0.0.1/')
---
import requests
requests.get('http://0/')
---
import requests
requests.get('http://①②⑦.⓪.⓪.①/')
---
import requests
requests.get('http://' + '169.254' + '.169.254/')
---
import requests
requests.get('http://{}/'.format('169.254.169.254'))
---
import requests
requests.get('http://' + '.'.join(['169', '254', '169', '254']))
---
import requests
requests.get('http://metadata.google.internal/computeMetadata/v1/')
---
import requests
requests.get('http://LOCALHOST:8080')
---
import requests
requests.get('http://localhost.:80')
---
import requests
requests.get('http://[::1]')
---
import requests
requests.get('http://[0:0:0:0:0:0:0:1]')
---
import requests
requests.get('HTTP://127.0.0.1')
---
import requests
requests.get('http:\\\\127.0.0.1')
---
import requests
requests.get('//127.0.0.1/')
---
import requests
requests.get('http://%31%32%37.0.0.1')
---
import httpx
httpx.Client(base_url='http://127.0.0.1:4566')
---
import httpx
t = dict(uds='/x')
httpx.AsyncHTTPTransport(**t)
---
import requests
requests.get('http+unix://%2Fvar%2Frun%2Fdocker.sock/info')
"""

# a module or builtin handed on through values, objects, callbacks and containers
VALUES = r"""
import numpy as np
from concurrent.futures import ThreadPoolExecutor
ThreadPoolExecutor().submit(lambda: np).result().os.system('id')
---
import numpy as np
import asyncio
async def f(): (await asyncio.to_thread(lambda: np)).os.system('id')
---
import numpy as np
import asyncio
async def g(): return np
async def f(): (await asyncio.gather(g()))[0].os.system('id')
---
import numpy as np
import asyncio
async def g(): return np
async def f():
    t = asyncio.create_task(g())
    (await t).os.system('id')
---
import numpy as np
import asyncio
async def g(): return np
async def f():
    async with asyncio.TaskGroup() as tg: t = tg.create_task(g())
    t.result().os.system('id')
---
import numpy as np
import asyncio
async def g(): return np
asyncio.run(g()).os.system('id')
---
import numpy as np
import asyncio
async def g(): return np
async def f(): (await asyncio.wait_for(g(), 1)).os.system('id')
---
import numpy as np
import functools
functools.cache(lambda: np)().os.system('id')
---
import numpy as np
import functools
@functools.lru_cache
def f(): return np
f().os.system('id')
---
import numpy as np
import contextvars
v = contextvars.ContextVar('v', default=np)
v.get().os.system('id')
---
import numpy as np
import contextvars
contextvars.copy_context().run(lambda: np).os.system('id')
---
import numpy as np
import queue
q = queue.Queue()
q.put(np)
q.get().os.system('id')
---
import numpy as np
import asyncio
q = asyncio.Queue()
q.put_nowait(np)
q.get_nowait().os.system('id')
---
import numpy as np
import heapq
h = []
heapq.heappush(h, (1, np))
h[0][1].os.system('id')
---
import numpy as np
import pandas as pd
s = pd.Series([np])
s[0].os.system('id')
---
import numpy as np
import pandas as pd
pd.Series([1]).apply(lambda x: np)[0].os.system('id')
---
import numpy as np
import pandas as pd
pd.DataFrame({'a': [np]}).loc[0, 'a'].os.system('id')
---
import numpy as np
a = np.array([np], dtype=object)
a[0].os.system('id')
---
import numpy as np
a = np.empty(1, dtype=object)
a[0] = np
a[0].os.system('id')
---
import numpy as np
a = np.empty(1, dtype=object)
a.fill(np)
a.item().os.system('id')
---
import numpy as np
import torch
m = torch.nn.Module()
m.x = np
m.x.os.system('id')
---
import numpy as np
from types import SimpleNamespace
SimpleNamespace(m=np).m.os.system('id')
---
import numpy as np
import operator
operator.itemgetter(0)([np]).os.system('id')
---
import numpy as np
import copy
copy.copy([np])[0].os.system('id')
---
import numpy as np
from pydantic import BaseModel
from typing import Any
class A(BaseModel): m: Any
A(m=np).m.os.system('id')
---
import numpy as np
from pydantic import BaseModel, Field
from typing import Any
class A(BaseModel): m: Any = Field(default_factory=lambda: np)
A().m.os.system('id')
---
import numpy as np
from pydantic import BaseModel
class A(BaseModel): m: object = None
A.model_construct(m=np).m.os.system('id')
---
import numpy as np
import attrs
@attrs.define
class A: m = attrs.field(factory=lambda: np)
A().m.os.system('id')
---
import numpy as np
import weakref
class A: pass
weakref.ref(A, lambda r: np)
d = weakref.WeakValueDictionary()
d['a'] = np
d['a'].os.system('id')
---
import numpy as np
from contextlib import ExitStack
with ExitStack() as s:
    s.callback(lambda m: m.os.system('id'), np)
---
import numpy as np
from contextlib import ExitStack
with ExitStack() as s:
    s.push(np)
    s.enter_context(C(np)).os.system('id')
---
import numpy as np
import re
re.sub('a', lambda m: np.os.system('id'), 'a')
---
import numpy as np
import itertools
a, b = itertools.tee([np])
next(a).os.system('id')
---
import numpy as np
import itertools
next(itertools.accumulate([np], lambda a, b: a)).os.system('id')
---
import numpy as np
import itertools
for k, g in itertools.groupby([np]): k.os.system('id')
---
import numpy as np
import itertools
next(itertools.product([np]))[0].os.system('id')
---
import numpy as np
import itertools
next(itertools.zip_longest([np]))[0].os.system('id')
---
import numpy as np
import collections
c = collections.Counter([np])
c.most_common()[0][0].os.system('id')
---
import numpy as np
import collections
d = collections.defaultdict(lambda: np)
d['x'].os.system('id')
---
import numpy as np
import collections
d = collections.deque([np])
d.popleft().os.system('id')
---
import numpy as np
import enum
class E(enum.Enum): M = np
E.M.value.os.system('id')
---
import numpy as np
import enum
E = enum.Enum('E', {'M': np})
E.M.value.os.system('id')
---
import numpy as np
import typing
class N(typing.NamedTuple): m: object
N(np).m.os.system('id')
---
import numpy as np
import functools
@functools.singledispatch
def f(x): return np
f(1).os.system('id')
---
import numpy as np
import functools
class A:
    m = functools.partialmethod(lambda self, m: m.os.system('id'), np)
A().m()
---
import numpy as np
import random
random.choice([np]).os.system('id')
---
import numpy as np
import random
random.sample([np], 1)[0].os.system('id')
---
import numpy as np
import logging
class F(logging.Filter):
    def filter(self, r): return r.args[0].os.system('id')
logging.getLogger().addFilter(F())
logging.info('%s', np)
---
import numpy as np
print(np.os)
---
import numpy as np
def f(m, *, k=(lambda m: m.os)): return k(m)
f(np)
---
import numpy as np
f = lambda g: g(np)
f(lambda m: m.os.system('id'))
---
import numpy as np
def outer():
    def inner(m): m.os.system('id')
    return inner
outer()(np)
---
import numpy as np
class A:
    def run(self, m): m.os.system('id')
    go = run
A().go(np)
---
import numpy as np
class A:
    def run(self, m): m.os.system('id')
A.run(None, np)
---
import numpy as np
class A:
    def run(self, m): m.os.system('id')
x = A().run
x(np)
---
import numpy as np
class A:
    def run(self, m): m.os.system('id')
class B(A):
    def run(self, m): super().run(m)
B().run(np)
---
import numpy as np
class A:
    @staticmethod
    def run(m): m.os.system('id')
A.run(np)
---
import numpy as np
def f(*args): args[0].os.system('id')
f(np)
---
import numpy as np
def f(*args): g(*args)
def g(m): m.os.system('id')
f(np)
---
import numpy as np
def f(**kw): g(**kw)
def g(m): m.os.system('id')
f(m=np)
---
import numpy as np
x = np if 1 else None
x.os.system('id')
---
import numpy as np
x = None or np
x.os.system('id')
---
import numpy as np
x = (np,)[0]
x.os.system('id')
---
import numpy as np
x = [m for m in (np,) if m][0]
x.os.system('id')
---
import numpy as np
x = {m: m for m in (np,)}
list(x)[0].os.system('id')
---
import numpy as np
x = next(m for m in (np,))
x.os.system('id')
---
import numpy as np
del np
import numpy as np
np.os.system('id')
---
import numpy
numpy = numpy
numpy.os
---
import numpy as np
for np.x in [eval]: pass
---
import numpy as np
with open_asset('x') as np.load: pass
---
import numpy as np
np.load, b = f, 2
---
import numpy as np
[np.load] = [lambda: 1]
---
import numpy as np
del np.load
---
import numpy as np
np.load: object = lambda: 1
---
import numpy as np
np.float64.x = lambda: 1
---
import torch
torch.nn.Module.__call__ = lambda s: 1
---
import torch
torch.Tensor.__class__
torch.Tensor.__subclasses__()
---
import torch
torch.nn.functional.relu.__globals__['os']
---
import numpy as np
np.sum.__wrapped__.__globals__
---
import functools
functools.partial(print).func.__self__
---
import functools
@functools.wraps(print)
def f(): pass
f.__wrapped__.__self__.eval('1')
---
def f(): pass
f.__kwdefaults__ = {}
---
def f(): pass
x = f.__get__(1).__func__.__globals__
---
class A:
    def m(self): pass
A().m.__func__.__globals__
---
class A:
    def m(self): pass
A().m.__self__.__class__.__base__
---
import numpy as np
np.__loader__.load_module('os')
---
import numpy as np
np.__spec__.loader
---
import numpy as np
np.__builtins__['eval']
---
import numpy as np
np.__dict__['os']
---
import numpy as np
np.__getattr__('os').system('id')
---
import numpy as np
np.__getattribute__('os')
---
import numpy as np
np.lib._datasource.os
---
import numpy as np
np.random._pickle.x
---
import numpy as np
np.core._methods.os.system('x')
---
import numpy.core._methods
---
import numpy as np
np.compat.py3k.os
---
import numpy.lib.npyio as n
n.os.system('x')
---
from numpy.lib.npyio import os
---
import pandas as pd
pd.io.formats.format.sys
---
import pandas.io.common as c
c.os.system('x')
---
from pandas.io.common import os
---
from pandas.compat import sys
---
from torch import os
---
from torch.utils.data import dataloader
dataloader.os.system('id')
---
from transformers.utils import sys
---
from transformers import file_utils as f
f.os
---
import PIL.features as f
f.os
---
import requests
requests.compat.builtin_str
requests.compat.netrc
---
import aiohttp
aiohttp.client.os
---
import pydantic
pydantic.deprecated.parse.pickle.loads(b'')
---
import safetensors.torch as s
s.os.system('id')
---
import safetensors
safetensors.sys
---
import tqdm
tqdm.sys.modules
---
import tqdm
tqdm.std.sys.modules
---
import sklearn
sklearn.os
---
import scipy
scipy.io.loadmat
scipy._lib.x
---
import jinja2
jinja2.Template("{{ ''.__class__.__mro__ }}").render()
---
import jinja2
jinja2.Environment().from_string("{{ x|attr('__class__') }}").render()
---
import sympy
sympy.sympify('__import__("os")')
---
from sympy import *
sympify('1')
---
import subprocess as sp
---
if 1: import subprocess
---
class A:
    import subprocess
---
try: import subprocess
except ImportError: pass
---
import os, sys, subprocess
---
import os.path as p, subprocess as q
---
import os
getattr(os, 'system')('id')
---
import os
f = os.system
---
import os
x = [os]
---
import os
print(os)
---
from os import system as print
---
import os as _
_.system('x')
---
import os
os.execvp('sh', ['sh'])
---
import os
os.posix_spawn('sh', [], {})
---
import os
os.path.os.system('id')
---
import os
os.path.genericpath.os
---
import os
os.sys.modules
---
import os
os.chmod('x', 1)
---
import os
os.mkfifo('x')
---
import os
os.pipe()
---
import os
os._exit(0)
---
import os
os.abort()
---
import os
os.write(3, b'')
---
import os
os.sendfile(1, 2, 0, 1)
---
import sys
sys.path.insert(0, 'x')
---
import sys
sys.stdout.buffer.raw
sys.__stdout__
---
import sys
sys.meta_path
---
import sys
sys.exc_info()[2].tb_frame
---
import numpy as np
import torch
class N(torch.nn.Module): pass
n = N()
n.x = np
n.x.os.system('id')
---
import numpy as np
import argparse
a = argparse.Namespace()
a.m = np
a.m.os.system('id')
---
import numpy as np
import argparse
a = argparse.Namespace(m=np)
a.m.os.system('id')
---
import numpy as np
def f(): pass
f.m = np
f.m.os.system('id')
---
import numpy as np
import threading
---
import numpy as np
from contextvars import ContextVar
v = ContextVar('v')
v.set(np)
v.get().os.system('id')
---
import numpy as np
from pydantic import PrivateAttr, BaseModel
class A(BaseModel):
    _m: object = PrivateAttr(default_factory=lambda: np)
    def f(self): self._m.os.system('id')
---
import numpy as np
from pydantic import computed_field, BaseModel
class A(BaseModel):
    @computed_field
    def m(self) -> object: return np
A().m.os.system('id')
---
import numpy as np
from pydantic import field_validator, BaseModel
class A(BaseModel):
    x: object = 1
    @field_validator('x')
    def v(cls, value): return np
A().x.os.system('id')
---
import numpy as np
from pydantic import validate_call
@validate_call
def f(m: object): m.os.system('id')
f(np)
---
import numpy as np
import pandas as pd
df = pd.DataFrame()
df.attrs['m'] = np
df.attrs['m'].os.system('id')
---
import numpy as np
import pandas as pd
df = pd.DataFrame()
df['m'] = [np]
df['m'][0].os.system('id')
---
import numpy as np
import pandas as pd
for row in pd.DataFrame({'m': [np]}).itertuples(): row.m.os.system('id')
---
import numpy as np
import pandas as pd
for _, row in pd.DataFrame({'m': [np]}).iterrows(): row['m'].os.system('id')
---
import numpy as np
import pandas as pd
pd.DataFrame({'m': [np]})['m'].map(lambda m: m.os.system('id'))
---
import numpy as np
import pandas as pd
pd.Series([np]).to_list()[0].os.system('id')
---
import numpy as np
import pyarrow as pa
pa.scalar(np).as_py().os.system('id')
---
import numpy as np
import torch
torch.nn.Module.register_forward_hook(lambda s, a, o: a.os, np)
---
import numpy as np
import torch
class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.m = np
    @staticmethod
    def backward(ctx, g): ctx.m.os.system('id')
---
import numpy as np
class A:
    __slots__ = ('m',)
a = A(); a.m = np
a.m.os.system('id')
---
import numpy as np
class A:
    m = None
A.m = np
A.m.os.system('id')
---
import numpy as np
class A:
    def __init__(self): self.x = self
a = A(); a.x.x.x.m = np
a.m.os.system('id')
---
import numpy as np
class A:
    def set(self, **kw):
        for k, v in kw.items(): self.m = v
        return self
A().set(m=np).m.os.system('id')
---
import numpy as np
class Stack(list):
    def top(self): return self[-1]
s = Stack(); s.append(np)
s.top().os.system('id')
---
import numpy as np
class D(dict): pass
d = D(m=np)
d['m'].os.system('id')
---
import numpy as np
class D(dict):
    def __missing__(self, k): return np
D()['x'].os.system('id')
---
import numpy as np
from collections import UserDict
class D(UserDict): pass
d = D(); d['a'] = np
d.data['a'].os.system('id')
---
import numpy as np
import string
string.Formatter().vformat('{0.os.sep}', [np], {})
---
import numpy as np
print('{0.os.environ}'.format(np))
---
import numpy as np
print('{x.os.environ}'.format(x=np))
---
import numpy as np
print('{x.os.environ}'.format_map({'x': np}))
---
import numpy as np
import logging
h = logging.StreamHandler()
h.setFormatter(logging.Formatter('{m.__class__.__init__.__globals__}', style='{'))
---
import pandas as pd
pd.DataFrame().style.format('{0.__class__.__mro__}')
---
import logging
logging.getLogger('x').handlers[0].baseFilename
logging.handlers.SocketHandler('x', 1)
---
import logging
logging.root.handlers
---
import logging
class H(logging.FileHandler): pass
---
import logging as l
l.basicConfig(**{'filename': '/tmp/x'})
---
from logging import basicConfig as b
b(filename='/tmp/x')
---
import numpy as np
np.save('/tmp/x', np.array([f], dtype=object), allow_pickle=True)
np.load('/tmp/x', None, True)
---
import numpy as np
l = np.load
l('x', allow_pickle=1)
---
import numpy as np
from functools import partial
partial(np.load, allow_pickle=True)('x')
---
import torch
from functools import partial
partial(torch.load, weights_only=False)('x')
---
import torch
torch.load('x', None, None, weights_only=0)
---
import torch
torch.jit.ScriptModule.define(x, 'code')
---
import torch
torch.fx.Graph().python_code('x')
---
from torch.hub import load
---
import torch
h = torch.hub
---
import torch
torch.export.load('x')
---
import torch
torch._C._jit_pass
---
import torch
torch.distributed.init_process_group()
---
import torch.distributed.run
---
import torch
torch.utils.collect_env.run('id')
---
from torch.utils import collect_env
---
import torch
torch.utils.data.get_worker_info
torch.utils.data.DataLoader(d, 1, False, None, None, 4)
---
import torch
torch.cuda.memory._snapshot
torch.cuda.CUDAPluggableAllocator('x', 'y', 'z')
---
import torch
torch.library.Library('x', 'DEF').define('x', 'y', torch.os)
---
import torchvision
torchvision.io.os
---
import torchaudio
torchaudio.sox_effects.os
---
import transformers
transformers.utils.import_utils._LazyModule
---
import transformers
transformers.Trainer(m).train().os
transformers.utils.hub.os
---
import transformers
transformers.dynamic_module_utils.get_class_from_dynamic_module('a', 'b')
---
from transformers.agents import CodeAgent
---
import transformers
transformers.AutoModel.register(c, m)
transformers.AutoModelForCausalLM.from_pretrained('x', attn_implementation='kernels-community/x')
---
from diffusers import DiffusionPipeline
DiffusionPipeline.from_pretrained('x', custom_pipeline='y', trust_remote_code=True)
---
from datasets import load_dataset
load_dataset('x', trust_remote_code=True)
---
import huggingface_hub as h
h.hf_hub_download.__globals__['os']
---
import evaluate
evaluate.load('x').os.system
---
import spacy
spacy.util.os
---
import nltk
nltk.data.load('x', format='pickle')
---
import gensim
gensim.models.Word2Vec.load('x')
---
import faiss
faiss.os
---
import tensorflow as tf
tf.load_op_library('/x.so')
---
import tensorflow as tf
tf.io.gfile.GFile('/etc/passwd')
---
import PIL
PIL.ImageShow.register(f)
---
from PIL import EpsImagePlugin
---
from PIL import ImageFile
ImageFile.os
---
import imageio
imageio.plugins.ffmpeg
---
import imageio.v3 as i
i.imopen.__globals__
i.os
---
import moviepy
moviepy.os
---
import ffmpeg
ffmpeg.input('x', f='lavfi').output('y').run(**{'cmd': 'sh'})
---
import ffmpeg
from functools import partial
partial(ffmpeg.run, cmd='sh')(s)
---
import av
av.os
---
import fsspec
fsspec.open('file:///etc/passwd')
---
import smart_open
smart_open.open('/x')
---
import aiofiles
aiofiles.open('/x')
---
import anyio
anyio.run_process('id')
---
import psutil
psutil.Process().environ()
---
import psutil
psutil.Popen('id')
---
import paramiko
paramiko.os
---
import git
git.Repo('x')
---
import IPython
---
import ray
ray.os
---
import dask
dask.sys
---
import distributed
distributed.os
---
import batch.worker
---
import core.settings
---
import infra
---
from shared import os
---
from shared.plugins import os
---
import shared.plugins as p
p.os
---
import engine.models as m
m.loader.os.system('id')
---
from engine.inference.openai.whisper_api.services import os
---
from engine.inference.openai.whisper_api import services
services.os.system
---
from . import os
import os
os.system('id')
---
from .core import *
eval('1')
---
x: "eval('1')" = 1
---
def f() -> "open('x')": pass
---
def f(*a: "exec('1')", **k: "exec('1')"): pass
---
class A:
    x: "__import__('os').system('id')"
---
from typing import Optional
x: Optional["eval('1')"]
---
from typing import TypeVar
T = TypeVar('T', bound="eval('1')")
---
from typing import NewType
N = NewType('N', "eval('1')")
---
from typing import TypedDict
D = TypedDict('D', {'a': "eval('1')"})
---
from typing import NamedTuple
D = NamedTuple('D', [('a', "eval('1')")])
---
def f(): pass
f.__annotations__['x'] = "eval('1')"
---
def f(): pass
f.__annotations__ = {'x': "eval('1')"}
---
import types
types.new_class('A', (), {}, lambda ns: ns.update(__annotations__={'x': "eval('1')"}))
---
A = type('A', (), {'__annotations__': {'x': "eval('1')"}})
---
A = type('A', (), {'__reduce__': lambda s: (print, ())})
---
type T = eval('1')
---
def f[T: eval('1')](x): pass
---
async def f():
    async for x in eval('1'): pass
---
lambda: (yield eval)
---
assert eval('1')
---
raise eval('1')
---
def f(eval=eval): eval('1')
---
class A(eval('object')): pass
---
class A(metaclass=eval): pass
---
while eval('0'): pass
---
x = y = eval
---
x: object = eval
---
print(**{'sep': eval})
---
{eval}
---
{eval: 1}
---
[eval][0]('1')
---
(eval if 1 else 0)('1')
---
(0 or eval)('1')
---
not eval
---
eval < 1
---
x[eval]
---
x[eval:]
---
f'{eval}'
---
f'{1:{eval}}'
---
(await_ := eval)
---
global eval
eval('1')
---
def f():
    global eval
    eval = 1
eval('1')
---
try: eval = eval
except NameError: pass
eval('1')
---
if 0: eval = 1
eval('1')
---
for eval in (): pass
eval('1')
---
class A:
    eval = 1
    def f(self): eval('1')
---
def f():
    def eval(x): pass
eval('1')
---
import json as eval
del eval
eval('1')
---
[eval for eval in ()]
eval('1')
---
from json import *
eval('1')
---
𝒆𝒗𝒂𝒍('1')
---
x.__ｃlass__.__base__
---
print(os := __import__('os'))
"""

# the same through statements, special methods, patterns, formats and internals
LANGUAGE = r"""
import numpy as np
def gen():
    m = yield
    m.os.system('id')
g = gen(); next(g); g.send(np)
---
import numpy as np
async def agen():
    m = yield
    m.os.system('id')
g = agen()
async def main():
    await g.asend(None); await g.asend(np)
---
import numpy as np
def gen():
    try: yield
    except ValueError as e: e.args[0].os.system('id')
g = gen(); next(g); g.throw(ValueError(np))
---
import numpy as np
try: raise ExceptionGroup('x', [ValueError(np)])
except* ValueError as e: e.exceptions[0].args[0].os.system('id')
---
import numpy as np
class E(Exception):
    def __init__(self, m): self.m = m
try: raise E(np)
except E as e: e.m.os.system('id')
---
import numpy as np
try: raise ValueError from KeyError(np)
except ValueError as e: e.__cause__.args[0].os.system('id')
---
import numpy as np
def f():
    global m
    m = np
f()
m.os.system('id')
---
import numpy as np
def f():
    m = None
    def g():
        nonlocal m
        m = np
    g()
    return m.os.system('id')
---
import numpy as np
[m := np for _ in range(1)]
m.os.system('id')
---
import numpy as np
(lambda *, m=np: m.os.system('id'))()
---
import numpy as np
(lambda *a, **k: k['m'].os.system('id'))(m=np)
---
import numpy as np
x, *y = [1, np, 2]
y[0].os.system('id')
---
import numpy as np
(x, (y, [z])) = (1, (2, [np]))
z.os.system('id')
---
import numpy as np
for i, m in enumerate([np]): m.os.system('id')
---
import numpy as np
for k, v in {'a': np}.items(): v.os.system('id')
---
import numpy as np
d = {}
d['a'] = np
d['a'].os.system('id')
---
import numpy as np
d = dict(a=np)
d.get('a').os.system('id')
---
import numpy as np
d = {**{'a': np}}
d['a'].os.system('id')
---
import numpy as np
d = {} | {'a': np}
d['a'].os.system('id')
---
import numpy as np
l = []
l += [np]
l[0].os.system('id')
---
import numpy as np
l = []
l.extend([np])
l.pop().os.system('id')
---
import numpy as np
from collections import namedtuple
P = namedtuple('P', 'm')
P(np).m.os.system('id')
---
import numpy as np
from dataclasses import dataclass
@dataclass
class P:
    m: object = np
P().m.os.system('id')
---
import numpy as np
from dataclasses import dataclass, field
@dataclass
class P:
    m: object = field(default_factory=lambda: np)
P().m.os.system('id')
---
import numpy as np
from functools import reduce
reduce(lambda a, b: b.os.system('id'), [1, np])
---
import numpy as np
sorted([np], key=lambda m: m.os.system('id'))
---
import numpy as np
max([np, np], key=lambda m: m.os.system('id'))
---
import numpy as np
import itertools
for m in itertools.chain([np]): m.os.system('id')
---
import numpy as np
import contextlib
@contextlib.contextmanager
def c(): yield np
with c() as m: m.os.system('id')
---
import numpy as np
class C:
    def __enter__(self): return np
    def __exit__(self, *a): pass
with C() as m: m.os.system('id')
---
import numpy as np
class C:
    def __await__(self):
        return np
        yield
async def f(): (await C()).os.system('id')
---
import numpy as np
class C:
    def __getattr__(self, n): return np
C().anything.os.system('id')
---
import numpy as np
class C:
    def __call__(self): return np
C()().os.system('id')
---
import numpy as np
class C:
    @property
    def m(self): return np
C().m.os.system('id')
---
import numpy as np
from functools import cached_property
class C:
    @cached_property
    def m(self): return np
C().m.os.system('id')
---
import numpy as np
class C:
    @classmethod
    def m(cls): return np
C.m().os.system('id')
---
import numpy as np
class C:
    def __class_getitem__(cls, i): return np
C[1].os.system('id')
---
import numpy as np
class C:
    def __getitem__(self, i): return np
C()[1].os.system('id')
---
import numpy as np
class C:
    def __iter__(self): yield np
for m in C(): m.os.system('id')
---
import numpy as np
class C:
    def __add__(self, o): return np
(C() + 1).os.system('id')
---
import numpy as np
class C:
    def __radd__(self, o): return o
(np + C()).os.system('id')
---
import numpy as np
class C:
    def __eq__(self, o): o.os.system('id')
np == C()
---
import numpy as np
class C:
    def __contains__(self, o): o.os.system('id')
np in C()
---
import numpy as np
class C:
    def __format__(self, spec): return 1
f'{np.os.system("id")}'
---
import numpy as np
class C:
    def __lshift__(self, o): o.os.system('id')
C() << np
---
import numpy as np
class C:
    def __setitem__(self, k, v): v.os.system('id')
C()[0] = np
---
import numpy as np
class C:
    def __setattr__(self, k, v): v.os.system('id')
C().x = np
---
import numpy as np
class C:
    def __set__(self, o, v): v.os.system('id')
class D: x = C()
D().x = np
---
import numpy as np
class C:
    def __get__(self, o, t): return np
class D: x = C()
D().x.os.system('id')
---
import numpy as np
class C:
    def __new__(cls, m): return m
C(np).os.system('id')
---
import numpy as np
class M(type):
    def __call__(cls): return np
class C(metaclass=M): pass
C().os.system('id')
---
import numpy as np
class M(type):
    def __prepare__(n, b): return {'x': np}
class C(metaclass=M): y = x.os.system('id')
---
import numpy as np
def deco(f): return np
@deco
def g(): pass
g.os.system('id')
---
import numpy as np
def deco(m):
    def w(f): return m
    return w
@deco(np)
def g(): pass
g.os.system('id')
---
import numpy as np
@lambda f: np
def g(): pass
g.os.system('id')
---
import numpy as np
@lambda f: np
class g: pass
g.os.system('id')
---
import numpy as np
match np:
    case m: m.os.system('id')
---
import numpy as np
match {'a': np}:
    case {'a': m}: m.os.system('id')
---
import numpy as np
match [np]:
    case [m]: m.os.system('id')
---
import numpy as np
match (1, np):
    case (_, object(os=object(system=s))): s('id')
---
import numpy as np
match [1, np]:
    case [_, *rest]: rest[0].os.system('id')
---
import numpy as np
match {'x': np}:
    case {**kw}: kw['x'].os.system('id')
---
def f(): pass
match f:
    case object(__globals__=g): g['os']
---
x = (i for i in ())
x.gi_frame.f_back.f_globals
---
async def c(): pass
c().cr_frame.f_globals
---
try: 1/0
except Exception as e:
    t = e.with_traceback
    e.__traceback__
---
'{0.__class__.__base__.__subclasses__}'.format(1)
---
f"{().__class__.__base__.__subclasses__()}"
---
'%s' % ().__class__.__mro__[1].__subclasses__()
---
import operator
operator.attrgetter('__class__.__mro__')(1)
---
import operator
a = operator.attrgetter
a('f_globals')(x)
---
from operator import attrgetter as a
n = '__glo' + 'bals__'
a(n)(f)
---
import operator
operator.methodcaller('__getattribute__', 'x')(o)
---
import operator
operator.methodcaller('sys' + 'tem', 'id')(o)
---
type(1).mro()[1].__subclasses__()
---
object.__getattribute__(x, '__class__')
---
type.__getattribute__(x, 'y')
---
x.__getattribute__('__class__')
---
int.__class__.__base__
---
c = (1).__class__
c.__base__
---
c = [].__class__; c.__subclasses__
---
def f(): pass
f.__globals__['__builtins__']
---
def f(): pass
f.__code__.replace(co_code=b'')
---
def f(): pass
f.__closure__[0].cell_contents
---
def f(): pass
f.__defaults__ = (eval,)
---
class A: pass
A.__dict__['x']
---
import json
json.decoder.scanner.c_make_scanner.__self__
---
import json
json.codecs.open('x')
---
import re
re._compiler.sre_parse
---
import dataclasses
dataclasses._create_fn('f', '', ['x'])
---
import collections
collections.abc.sys
---
import statistics
statistics.sys
---
import fnmatch
fnmatch.os.system
---
import textwrap
textwrap.re.enum.sys
---
import httpx
httpx._client.os
---
import PIL.Image
PIL.Image.os.system('id')
---
from PIL import Image
Image.builtins.eval('1')
---
from PIL import ImageMath
ImageMath.unsafe_eval("exec('1')")
---
import cv2
cv2.sys.modules
---
import cv2
cv2.VideoCapture('x ! appsink', cv2.CAP_GSTREAMER)
---
import soundfile as sf
sf._ffi.dlopen('x')
---
import soundfile as sf
sf._os
---
import ffmpeg
ffmpeg.run(s, cmd='/bin/sh')
---
import ffmpeg
ffmpeg.probe('x', cmd='id')
---
import ffmpeg
ffmpeg._run.subprocess.Popen('id')
---
import ffmpeg
r = ffmpeg.run
r(s, 'sh')
---
import transformers
transformers.pipeline('x', model='y', trust_remote_code=True)
---
import transformers
transformers.AutoModel.from_pretrained('x', **{'trust_remote_code': True})
---
from transformers import AutoConfig
kw = {}
kw['trust_remote_code'] = True
AutoConfig.from_pretrained('x', **kw)
---
from sentence_transformers import SentenceTransformer
SentenceTransformer('x', trust_remote_code=1)
---
from sentence_transformers import SentenceTransformer
SentenceTransformer('x', model_kwargs={'trust_remote_code': True})
---
import onnxruntime as o
so = o.SessionOptions()
so.register_custom_ops_library('/x.so')
---
import onnxruntime as o
r = o.SessionOptions.register_custom_ops_library
---
import polars as pl
pl.read_database_uri
pl.DataFrame.deserialize('x')
---
import polars as pl
pl.plugins.register_plugin_function(plugin_path='x', function_name='f', args=[])
---
import pyarrow as pa
pa.fs.LocalFileSystem()
---
from pydantic import create_model
create_model('A', x=("__import__('os').system('id')", 1))
---
from pydantic import BaseModel, ImportString
class A(BaseModel): x: ImportString
---
from pydantic.v1 import PyObject
---
from pydantic import TypeAdapter
TypeAdapter("__import__('os').system('id')")
---
from pydantic import BaseModel
class A(BaseModel):
    x: "eval('1')"
---
from typing import ForwardRef
ForwardRef("__import__('os')")._evaluate({}, {}, set())
---
from typing import Annotated
x: Annotated["eval('1')", 1]
---
import timeit
timeit.Timer('pass', setup='import os; os.system("id")').timeit()
---
import profile as p
p.runctx('eval(1)', {}, {})
---
import numpy as np
np.load = eval
---
import numpy as np
np.load = lambda *a: 1
---
import pandas as pd
pd.DataFrame.to_dict = f
---
import pandas as pd
def f(self): pass
pd.DataFrame.head = f
---
import torch
class X: pass
torch.nn.Linear = X
---
import json
json.dumps = print
---
import os
os.environ.update(PYTHONPATH='x')
---
import os
os.environ |= {'PATH': 'x'}
---
import os
e = os.environ
e['HTTP_PROXY'] = 'x'
---
from os import environ, putenv
---
import builtins as b
---
__builtins__['eval']
---
from __main__ import x
---
import __main__
---
from importlib import import_module as i
---
import importlib as i
i.util.module_from_spec(s)
---
import importlib.util
importlib.util.spec_from_file_location('x', '/x.py').loader.exec_module(m)
---
class A:
    def __reduce_ex__(self, p): return (print, ())
---
class A:
    __class__ = int
---
class A(dict):
    __getattr__ = dict.__getattribute__
---
import types
types.CodeType(1)
---
import bz2
bz2.BZ2File('/etc/passwd')
---
from pathlib import Path
Path('/etc/passwd').open()
---
from pathlib import PosixPath as P
P('/etc/passwd').read_bytes()
---
import pathlib
p = pathlib.Path.home() / 'x'
p.write_text('a')
---
import sqlite3
c = sqlite3.connect(':memory:')
c.enable_load_extension(True)
---
from threading import Thread
---
import posix
---
from posix import system
---
import _winapi
"""

WAYS = [text.strip() for texts in (LIBRARIES, VALUES, LANGUAGE) for text in texts.split("\n---\n")]
