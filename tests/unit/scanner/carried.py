"""What carries a module or a door past a look at its spelling, and honest code that looks alike."""

ACCESSORS_AND_FORMATS = r"""
import pandas as pd
import os
@pd.api.extensions.register_series_accessor('x')
class A:
    def __init__(self, s): self.mod = os
---
import pandas as pd
import numpy as np
@pd.api.extensions.register_dataframe_accessor('lib')
class A:
    def __init__(self, frame): self.m = np
df = pd.DataFrame()
df.lib.m.os.system('id')
---
import pandas as pd
import numpy as np
@pd.api.extensions.register_dataframe_accessor('lib')
def accessor(frame):
    return np
df = pd.DataFrame()
df.lib.os.system('id')
---
import pandas as pd
import numpy as np
@pd.api.extensions.register_dataframe_accessor('lib')
def accessor(frame):
    return np
def run(batch):
    return batch.lib.f2py.os
---
import pandas as pd
import torch
pd.api.extensions.register_series_accessor('t')(lambda s: torch)
def run(s):
    s.t.hub.load('a/b', 'c')
---
import pandas as pd
from pandas.api.extensions import register_index_accessor as reg
import torch
@reg('t')
def f(s): return torch
pd.Index([]).t.serialization.os.system('id')
---
import pandas as pd
import torch
class Acc:
    def __new__(cls, frame): return torch
pd.api.extensions.register_dataframe_accessor('t')(Acc)
pd.DataFrame().t.load('x', weights_only=False)
---
import numpy as np
import pandas as pd
pd.DataFrame.np = property(lambda self: np)
---
import numpy as np
import pandas as pd
df = pd.DataFrame({'a': [np]})
df['a'][0].os.system('id')
---
import numpy as np
import pandas as pd
s = pd.Series([np])
s.iloc[0].os.system('id')
---
import numpy as np
import pandas as pd
s = pd.Series([np], dtype=object)
for m in s:
    m.ctypeslib.load_library('x', '/')
---
import numpy as np
import pandas as pd
pd.Series([1]).apply(lambda x: np).iloc[0].os.system('id')
---
import numpy as np
import pandas as pd
pd.Series(['os']).map({'os': np})[0].os
---
import logging
f = logging.Formatter('{msg.__class__.__init__.__globals__}', style='{')
---
import logging
import numpy as np
f = logging.Formatter('{msg.os.environ}', style='{')
logging.getLogger('x').info(np)
---
import logging
import numpy as np
f = logging.Formatter('{args[0].os.environ}', style='{')
h = logging.StreamHandler()
h.setFormatter(f)
---
import logging
import numpy as np
logging.basicConfig(format='{msg.os.environ}', style='{')
logging.info(np)
---
import logging
fmt = '{' + 'msg.os.environ' + '}'
f = logging.Formatter(fmt, None, '{')
---
import logging
logging.Formatter('{m.f2py.os.environ}', style='{', defaults={'m': __import__})
---
import logging
import numpy as np
logging.Formatter('{m.f2py.os.environ}', style='{', defaults={'m': np})
---
import logging
import numpy as np
logging.getLogger().warning('%(m)s', extra={'m': np})
logging.Formatter('{m.f2py.os.environ}', style='{')
---
import logging
import numpy as np
a = logging.LoggerAdapter(logging.getLogger(), {'m': np})
logging.Formatter('{m.os.environ}', style='{')
---
from string import Template, Formatter
import numpy as np
Formatter().format('{0.os.environ}', np)
---
import numpy as np
'{0.os.environ}'.format(np)
---
import numpy as np
'{0[0].os.environ}'.format([np])
---
import numpy as np
f = '{0.os.environ}'.format
f(np)
---
import numpy as np
str.format('{0.os.environ}', np)
---
import numpy as np
list(map('{0.os.environ}'.format, [np]))
---
import numpy as np
import pandas as pd
pd.Series([np]).map('{0.os.environ}'.format)
---
import numpy as np
import pandas as pd
pd.DataFrame().style.format('{0.os.environ}')
---
import numpy as np
import pandas as pd
pd.DataFrame({'a': [np]}).style.format({'a': '{0.os.environ}'}).to_html()
---
import numpy as np
import pandas as pd
pd.DataFrame({'a': [np]}).to_string(formatters={'a': '{0.os.environ}'.format})
---
from tqdm import tqdm
import numpy as np
tqdm([], bar_format='{desc.os.environ}', desc=np)
---
from tqdm import tqdm
tqdm([], bar_format='{bar.__class__.__init__.__globals__}')
---
import numpy as np
class A:
    def __format__(self, s): return np
'{0}'.format_map({'a': np})
'{a.os}'.format_map({'a': np})
---
def save(x): x.tofile('/etc/passwd')
---
def save(frame): frame.to_pickle('/tmp/x.pkl')
---
import numpy as np
np.zeros(3).dump('/tmp/x')
---
import numpy as np
def run(batch):
    batch['v'].to_numpy().tofile('/x')
---
import numpy as np
def run(batch):
    np.stack(batch['v']).tofile('/x')
---
def run(batch):
    batch.to_pickle('/x')
---
import pandas as pd
def run(batch: pd.DataFrame):
    batch.to_pickle('/x')
---
import pandas as pd
def run(batch):
    batch.to_clipboard()
---
import numpy as np
a = np.ndarray((1,), dtype='O', buffer=b'12345678')
---
import torch
torch.load('/tmp/x', pickle_module=torch.serialization.pickle, weights_only=True)
---
import torch
import numpy as np
torch.serialization.add_safe_globals([np.load])
---
import torch
torch.serialization.safe_globals
with torch.serialization.safe_globals([print]):
    torch.load('x', weights_only=True)
"""
"""Attributes registered for tables, format texts that a library fills, writers of raw data and of pickles."""

UNSAFE_LIBRARY_USE = r"""
import numpy as np
'{0.os.environ}'.format(np.lib)
---
import numpy as np
x = '{0.os.environ}'
x.format(np.lib.npyio)
---
import re, numpy as np
re.sub('a', lambda m: np, 'a')
re.sub('x', '{0.os.environ}'.format, 'x')
---
from functools import partial
import numpy as np
partial('{0.os.environ}'.format, np)()
---
from collections import UserString
import numpy as np
UserString('{0.os.environ}').format(np)
---
import numpy as np
bytes_ = '{m.os.environ}'.format_map(dict(m=np))
---
import string, numpy as np
class F(string.Formatter): pass
F().vformat('{0.os.environ}', (np,), {})
---
import pandas as pd, numpy as np
pd.Series(['{0.os.environ}']).str.format(np)
---
import polars as pl
import numpy as np
@pl.api.register_dataframe_namespace('lib')
class A:
    def __new__(cls, df): return np
pl.DataFrame().lib.os.system('id')
---
import polars as pl
import numpy as np
@pl.api.register_expr_namespace('lib')
class A:
    def __init__(self, e): self.m = np
pl.col('a').lib.m.os.system('id')
---
import polars as pl
pl.col('a').map_elements(eval, return_dtype=pl.Object)
---
import polars as pl
pl.DataFrame.deserialize('x')
---
import polars as pl
pl.LazyFrame.deserialize('x', format='binary')
---
import polars as pl
pl.Expr.deserialize(b'x')
---
import polars as pl
pl.plugins.register_plugin_function(plugin_path='x', function_name='y', args=[])
---
import pandas as pd
pd.io.formats.style.Styler.from_custom_template('/tmp', 'a.html')
---
import pandas as pd
pd.read_csv('x', engine='python', converters={'a': eval})
---
import pandas as pd
pd.eval('__import__("os").system("id")', engine='python', parser='python')
---
import pandas as pd
pd.DataFrame().query('@pd.read_pickle("x")')
---
import pandas as pd
pd.DataFrame().groupby('a').agg('__class__')
---
import pandas as pd
pd.Series([1]).agg(['__reduce__'])
---
import pandas as pd
pd.Series([1]).transform('__init__')
---
import pandas as pd
pd.DataFrame().apply('to_pickle', args=('/tmp/x',))
---
import pandas as pd
pd.Series(['a']).apply('to_pickle', args=['/tmp/x'])
---
import pandas as pd
def run(batch):
    batch['data'].agg('to_clipboard')
---
import numpy as np
np.load('x.npy', None, True)
---
import numpy as np
np.lib.format.open_memmap('/etc/passwd', mode='r')
---
import numpy as np
np.load('x.npy', mmap_mode='r', allow_pickle=True)
---
import numpy as np
kw = {'allow_pickle': True}
np.load('x.npy', **kw)
---
import numpy as np
kw = {}
kw['allow_' + 'pickle'] = True
np.load('x.npy', **kw)
---
import numpy as np
np.lib.npyio.NpzFile(f, allow_pickle=True)
---
import numpy as np
np.ndarray((1,), dtype='O', buffer=b'12345678')
---
import numpy as np
np.rec.array(b'12345678', dtype=[('a', 'O')], shape=1)
---
import numpy as np
np.recarray((1,), dtype=[('a', 'O')], buf=b'12345678')
---
import numpy as np
np.rec.fromstring(b'12345678', dtype=[('a', 'O')])
---
import numpy as np
class A(np.ndarray): pass
A((1,), 'O', b'12345678')
---
import numpy as np
class A(np.ndarray):
    def __new__(cls): return super().__new__(cls, (1,), object, b'12345678')
---
import numpy as np
np.ndarray.__new__(np.ndarray, (1,), np.object_, b'12345678')
---
import numpy as np
d = np.dtype('O')
np.ndarray((1,), d, b'12345678')
---
import numpy as np
from functools import partial
partial(np.ndarray, (1,), dtype=object)(buffer=b'12345678')
---
import torch
opts = dict(weights_only=False)
torch.load('x', **opts)
---
import torch
torch.load('x', **{'weights_only': 0})
---
import torch
(lambda g: g('x', weights_only=False))(torch.load)
---
import torch
torch.ops.load_library('/x')
---
import torch
torch.classes.load_library('/x')
---
import torch
torch.hub.load_state_dict_from_url('http://x')
---
import torch
torch.utils.cpp_extension.load_inline('a', 'b')
---
import torch
torch.utils.dlpack.from_dlpack(x)
torch.utils.data.get_worker_info().dataset
torch.utils.data.datapipes.utils.common.dill
---
import torch
torch.from_file('/etc/passwd', size=10, dtype=torch.uint8)
---
import torch
torch.FloatStorage.from_file('/etc/passwd')
---
import torch
torch._C._cuda_init()
---
import torch
torch.cuda.memory.change_current_allocator(x)
---
import torch
torch.cuda.CUDAGraph().debug_dump('/x')
torch.cuda._sleep(1)
---
import torch
torch.profiler.profile(on_trace_ready=torch.profiler.tensorboard_trace_handler('/x'))
torch.autograd.profiler.os
---
import torch
torch.compile(lambda x: x, backend='inductor')
torch._dynamo.config.debug_dir_root = '/'
---
import torch
torch.export.load('x.pt2')
---
import torch
torch.distributed.rpc.init_rpc('a')
---
import torch
torch.multiprocessing.Process(target=print)
---
import torch
torch.utils.data.DataLoader([1], num_workers=4)
---
import torch
torch.nn.Module.load_state_dict
torch.nn.modules.module.itertools.os
---
import torch
torch.onnx.export(m, x, '/x', custom_opsets=None)
torch.onnx.utils.contextlib.os
---
import transformers
transformers.AutoModel.from_pretrained('x', trust_remote_code=1)
---
import transformers
transformers.pipeline('x', trust_remote_code=bool(1))
---
from transformers import AutoTokenizer as T
T.from_pretrained('x', **{'trust' + '_remote_code': True})
---
from transformers import AutoConfig
c = AutoConfig.from_pretrained('x')
c.trust_remote_code = True
c.auto_map = {'AutoModel': 'a--b.C'}
---
from transformers.utils import import_utils
import_utils.importlib
---
from transformers.utils.import_utils import direct_transformers_import
---
from transformers import Trainer, TrainingArguments
TrainingArguments('x', deepspeed='/x.json', fsdp='full_shard')
TrainingArguments('x', dataloader_num_workers=8)
---
from transformers import AutoModel
AutoModel.from_pretrained('x', weights_only=False)
---
from transformers import AutoModelForCausalLM
m = AutoModelForCausalLM.from_pretrained('gpt2')
m.generate(custom_generate='a/b', trust_remote_code=True)
---
from sentence_transformers import SentenceTransformer
SentenceTransformer('x', trust_remote_code='yes')
---
from sentence_transformers import SentenceTransformer
m = SentenceTransformer('x')
m.start_multi_process_pool(['cpu'])
---
import onnxruntime as ort
o = ort.SessionOptions()
o.register_custom_ops_library('/x.so')
---
import onnxruntime as ort
ort.InferenceSession('x', providers=[('QNNExecutionProvider', {'backend_path': '/x.so'})])
---
import onnxruntime as ort
ort.InferenceSession('x', providers=[('TensorrtExecutionProvider', {'trt_extra_plugin_lib_paths': '/x.so'})])
---
import onnxruntime as ort
ort.register_execution_provider_library('a', '/x.so')
---
import onnxruntime as ort
ort.InferenceSession('x', provider_options=[{'shared_lib_path': '/x.so'}], providers=['VitisAIExecutionProvider'])
---
import soundfile as sf
sf.write('/tmp/x', d, 1, 'PCM_U8', None, 'RAW')
---
import pandas as pd
pd.DataFrame().__getattr__('to_pickle')('/x')
---
def run(df):
    df.__getattr__('to_clipboard')()
"""
"""Options, loaders and texts of libraries; objects made of raw memory."""

MODULES_AS_VALUES = r"""
import numpy as np
class A:
    def __new__(cls): return np
A().os.system('id')
---
import numpy as np
class A:
    def __new__(cls, m): return m
A(np).os.system('id')
---
import numpy as np
class A:
    @classmethod
    def make(cls, m): return m
A.make(np).os.system('id')
---
import numpy as np
class A(dict):
    def __missing__(self, k): return np
A()['x'].os.system('id')
---
import numpy as np
class A:
    def __iter__(self): yield np
for m in A(): m.os.system('id')
---
import numpy as np
class A:
    def __enter__(self): return np
    def __exit__(self, *a): pass
with A() as m: m.os.system('id')
---
import numpy as np
def g():
    x = yield
    x.os.system('id')
c = g(); next(c); c.send(np)
---
import numpy as np
def f(*a, **k): return a, k
f(np)[0][0].os.system('id')
---
import numpy as np
def f(**k): return k
f(m=np)['m'].os.system('id')
---
import numpy as np
import functools
@functools.wraps(np)
def f(): pass
f.__wrapped__.os.system('id')
---
import numpy as np
import functools
functools.reduce(lambda a, b: b, [1, np]).os.system('id')
---
import numpy as np
import contextvars
v = contextvars.ContextVar('v')
v.set(np)
v.get().os.system('id')
---
import numpy as np
import weakref
weakref.ref(np)().os.system('id')
---
import numpy as np
import weakref
d = weakref.WeakValueDictionary()
d['a'] = np
d['a'].os.system('id')
---
import numpy as np
import asyncio
f = asyncio.Future()
f.set_result(np)
f.result().os.system('id')
---
import numpy as np
from concurrent.futures import ThreadPoolExecutor, Future
f = Future()
f.set_result(np)
f.result().os.system('id')
---
import numpy as np
from concurrent.futures import ThreadPoolExecutor
for m in ThreadPoolExecutor().map(lambda x: np, [1]): m.os.system('id')
---
import numpy as np
import asyncio
async def f(): return np
asyncio.run(f()).os.system('id')
---
import numpy as np
import asyncio
async def f(m): m.os.system('id')
asyncio.gather(f(np))
---
import numpy as np
import enum
class E(enum.Enum):
    A = np
E.A.value.os.system('id')
---
import numpy as np
from typing import NamedTuple
class T(NamedTuple):
    m: object = np
T().m.os.system('id')
---
import numpy as np
from collections import namedtuple
T = namedtuple('T', 'm')
T(np).m.os.system('id')
---
import numpy as np
from collections import namedtuple
T = namedtuple('T', 'm', defaults=[np])
a, = T()
a.os.system('id')
---
import numpy as np
import pydantic
class M(pydantic.BaseModel):
    model_config = {'arbitrary_types_allowed': True}
    m: object
M(m=np).m.os.system('id')
---
import numpy as np
import pydantic
class M(pydantic.BaseModel):
    m: object = pydantic.Field(default_factory=lambda: np)
M().m.os.system('id')
---
import numpy as np
import pydantic
class M(pydantic.BaseModel):
    m: object
    @pydantic.field_validator('m')
    def v(cls, x): return np
M(m=1).m.os.system('id')
---
import numpy as np
import pydantic
class M(pydantic.BaseModel):
    @pydantic.computed_field
    @property
    def m(self) -> object: return np
M().m.os.system('id')
---
import numpy as np
import torch
class N(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.m = np
    def forward(self, x): return self.m
N()(1).os.system('id')
---
import numpy as np
import torch
torch.utils.data.DataLoader([np])
for m in torch.utils.data.DataLoader([np], collate_fn=lambda b: b[0]): m.os.system('id')
---
import numpy as np
import torch
torch.nn.ModuleDict().update({'a': np})
x = torch.nn.Linear(1, 1)
x.m = np
x.m.os.system('id')
---
import numpy as np
import logging
log = logging.getLogger()
log.m = np
log.m.os.system('id')
---
import numpy as np
import logging
class F(logging.Filter):
    def filter(self, record): record.args.os.system('id')
logging.info('x', np)
---
import numpy as np
import logging
class H(logging.Handler):
    def emit(self, record): record.msg.os.system('id')
logging.info(np)
---
import numpy as np
e = ValueError()
e.m = np
try: raise e
except ValueError as x: x.m.os.system('id')
---
import numpy as np
def f(): return np
f.m = np
f.m.os.system('id')
---
import numpy as np
x = {'a': {'b': [(np,)]}}
x['a']['b'][0][0].os.system('id')
---
import numpy as np
a, (b, *c) = 1, (2, np)
c[0].os.system('id')
---
import numpy as np
[m] = [np]
m.os.system('id')
---
import numpy as np
*_, m = range(3), np
m.os.system('id')
---
import numpy as np
for a, b in zip([1], [np]): b.os.system('id')
---
import numpy as np
(m := np).os.system('id')
---
import numpy as np
(np if 1 else 2).os.system('id')
---
import numpy as np
(0 or np).os.system('id')
---
import numpy as np
x = [np]
x += [1]
x.pop().os.system('id')
---
import numpy as np
import itertools
next(itertools.repeat(np)).os.system('id')
---
import numpy as np
dict(m=np)['m'].os.system('id')
---
import numpy as np
dict.fromkeys('a', np)['a'].os.system('id')
---
import numpy as np
list((np,)).pop().os.system('id')
---
import numpy as np
sorted([np], key=id)[0].os.system('id')
---
import numpy as np
def deco(f): return np
@deco
def m(): pass
m.os.system('id')
---
import numpy as np
class P:
    def __get__(self, o, t=None): return np
class A:
    m = P()
A().m.os.system('id')
---
import numpy as np
import functools
class A:
    @functools.cached_property
    def m(self): return np
A().m.os.system('id')
---
import numpy as np
class A:
    def __getattr__(self, n): return np
A().anything.os.system('id')
---
import numpy as np
def __getattr__(n): return np
from . import core
core.foo.os.system('id')
---
import numpy as np
class A:
    def __call__(self): return np
A()().os.system('id')
---
import numpy as np
class A:
    def __add__(self, o): return np
(A() + 1).os.system('id')
---
import numpy as np
class A:
    def __class_getitem__(cls, k): return np
A[0].os.system('id')
---
import numpy as np
class A:
    def __matmul__(self, o): return o
(A() @ np).os.system('id')
---
import numpy as np
type('X', (), {'m': np}).m.os.system('id')
---
import numpy as np
from types import SimpleNamespace
SimpleNamespace(**{'m': np}).m.os.system('id')
---
import numpy as np
global_ = None
def f():
    global global_
    global_ = np
def g(): global_.os.system('id')
---
import numpy as np
def f():
    x = None
    def g():
        nonlocal x
        x = np
    def h(): x.os.system('id')
---
import numpy as np
def f(m=np): m.os.system('id')
---
import numpy as np
(lambda *a: a[0].os.system('id'))(np)
---
import numpy as np
[m.os.system('id') for m in [np]]
---
import numpy as np
{k: v.os for k, v in {'a': np}.items()}
---
import numpy as np
from functools import singledispatch
@singledispatch
def f(m): m.os.system('id')
f(np)
---
import numpy as np
import pandas as pd
pd.DataFrame().pipe(lambda df, m: m.os.system('id'), np)
---
import numpy as np
import pandas as pd
pd.DataFrame().assign(m=np).m[0].os.system('id')
---
import numpy as np
import pandas as pd
pd.Series([1]).apply(lambda x, m: m.os.system('id'), args=(np,))
---
import numpy as np
import pandas as pd
pd.Series(np).tolist()[0].os.system('id')
---
import numpy as np
import pandas as pd
pd.Series({'a': np}).to_dict()['a'].os.system('id')
---
import numpy as np
import pandas as pd
next(pd.DataFrame({'a': [np]}).itertuples()).a.os.system('id')
---
import numpy as np
import pandas as pd
for _, row in pd.DataFrame({'a': [np]}).iterrows(): row['a'].os.system('id')
---
import numpy as np
import pandas as pd
pd.Series([np]).values[0].os.system('id')
---
import numpy as np
np.vectorize(lambda x: np, otypes=[object])([1])[0].os.system('id')
---
import numpy as np
np.frompyfunc(lambda x: np, 1, 1)(1).os.system('id')
---
import numpy as np
np.nditer
np.array([np]).tolist()[0].os.system('id')
---
import numpy as np
np.array({'a': np}).item()['a'].os.system('id')
---
import numpy as np
import polars as pl
pl.Series([np], dtype=pl.Object)[0].os.system('id')
---
import numpy as np
import re
re.compile('a')
re.sub('a', lambda m: np.os.sep, 'a')
---
import numpy as np
import json
json.loads('{}', object_hook=lambda d: np).os.system('id')
---
import numpy as np
import json
json.loads('[1]', parse_int=lambda d: np)[0].os.system('id')
---
import numpy as np
import sqlite3
c = sqlite3.connect(':memory:')
c.row_factory = lambda a, b: np
c.execute('select 1').fetchone().os.system('id')
"""
"""A library travels as a value: through special methods, containers, callbacks and the objects of others."""

NO_OBJECT_AS_SELF = r"""
import numpy as np
class A:
    def go(m): return m.os
A.go(np).system('id')
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    @classmethod
    def run(cls): cls.go(np)
A.run()
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def run(cls): cls.go(np)
    run = classmethod(run)
A.run()
---
import numpy as np
cm = classmethod
class A:
    def go(m): m.os.system('id')
    @cm
    def run(cls): cls.go(np)
A.run()
---
import numpy as np
class M(type):
    def run(cls): cls.go(np)
class A(metaclass=M):
    def go(m): m.os.system('id')
A.run()
---
import numpy as np
from abc import ABCMeta
class M(ABCMeta):
    def run(cls): cls.go(np)
class A(metaclass=M):
    def go(m): m.os.system('id')
A.run()
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def run(self): self.go(np)
A.run(A)
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def run(self): self.go(np)
list(map(A.run, [A]))
---
import numpy as np
from types import SimpleNamespace as S
class A:
    def go(m): m.os.system('id')
    def run(self): self.go(np)
A.run(S(go=A.go))
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def __init__(self): self.go = A.go
    def run(self): self.go(np)
A().run()
---
import numpy as np
class A:
    def go(m): m.os.system('id')
class B:
    go = staticmethod(A.go)
    def run(self): self.go(np)
B().run()
---
import numpy as np
sm = staticmethod
class A:
    @sm
    def go(m): m.os.system('id')
    def run(self): self.go(np)
A().run()
---
import numpy as np
def deco(f): return staticmethod(f)
class A:
    @deco
    def go(m): m.os.system('id')
A().go(np)
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    @property
    def run(self): return A.go
A().run(np)
---
import numpy as np
class A:
    def go(m): m.os.system('id')
class B:
    def __getattr__(self, n): return A.go
B().go(np)
---
import numpy as np
from dataclasses import dataclass
class A:
    def go(m): m.os.system('id')
@dataclass
class B:
    go: object
    def run(self): self.go(np)
B(A.go).run()
---
import numpy as np
from typing import NamedTuple
class A:
    def go(m): m.os.system('id')
class B(NamedTuple):
    go: object
B._make([A.go]).go(np)
---
import numpy as np
class A:
    def __init__(m): m.os.system('id')
A.__init__(np)
---
import numpy as np
class A:
    def go(m): m.os.system('id')
class B:
    __init__ = staticmethod(A.go)
B(np)
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def __new__(cls): cls.go(np)
A()
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def __init_subclass__(cls): cls.go(np)
class B(A): pass
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def __class_getitem__(cls, k): cls.go(np)
A[1]
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    @classmethod
    def run(cls):
        x = cls
        x.go(np)
A.run()
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def run(self): type(self).go(np)
A().run()
---
import numpy as np
class A:
    def go(m): m.os.system('id')
    def run(self): self.__class__.go(np)
A().run()
---
import numpy as np
class A:
    go = lambda m: m.os.system('id')
A.go(np)
---
import numpy as np
import types
class A:
    def go(m): m.os.system('id')
    def run(self): self.go(np)
types.MethodType(A.run, A)()
---
import numpy as np
import functools
class A:
    def go(m): m.os.system('id')
    def run(self): self.go(np)
functools.partial(A.run, A)()
---
import numpy as np
class A:
    def go(m): m.os.system('id')
f = A().go
A.go.__call__(np)
---
import numpy as np
class A:
    def go(m): m.os.system('id')
def call(f): f(np)
call(A.go)
---
import numpy as np
class A:
    def go(m): m.os.system('id')
[A.go][0](np)
---
import numpy as np
class A:
    def go(m): m._core.multiarray.os.system('id')
    def _core(self): pass
A.go(np)
---
import numpy as np
class A:
    def a(self, m): self.m = m
    def b(self): self.m.os.system('id')
x = A(); x.a(np); x.b()
"""
"""A method whose first argument is no object of its class."""

LOOK_ALIKES = r"""
from sklearn.base import BaseEstimator, TransformerMixin
def timed(function):
    def inner(self, *args):
        return function(self, *args)
    return inner
class Node:
    def __init__(self):
        self.next_node = None
class Tree(BaseEstimator, TransformerMixin):
    def __init__(self):
        self.root_ = Node()
        self.last_ = Node()
    @timed
    def fit(self, rows):
        self.root_.next_node = self.last_
        self.last_.next_node = self.root_
        return self
---
import functools
import numpy as np
SCORES = {"mean": np.mean, "sum": np.sum, "min": np.min, "max": np.max, "std": np.std, "var": np.var, "median": np.median, "prod": np.prod, "ptp": np.ptp, "all": np.all}
class Scorer:
    def __init__(self, name):
        self._name = name
        self._history = []
    @functools.lru_cache(maxsize=None)
    def _function(self):
        return SCORES[self._name]
    def _apply(self, function, values):
        self._history.append(self._name)
        return float(function(values))
    def __call__(self, batch):
        batch["score"] = [self._apply(self._function(), values) for values in batch["values"]]
        batch["count"] = len(self._history)
        return batch
---
import numpy as np
import pandas as pd
from concurrent.futures import ThreadPoolExecutor
class Parallel:
    def __init__(self, config):
        self._pool = ThreadPoolExecutor(4)
        self._lengths = []
    def _length(self, text):
        self._lengths.append(len(text))
        return self._scaled(np.log1p, len(text))
    def _scaled(self, function, value):
        self._scale = 2.0
        return float(function(value)) * self._scale
    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        batch["length"] = list(self._pool.map(self._length, batch["data"]))
        return batch
---
import pandas as pd
@pd.api.extensions.register_dataframe_accessor("stats")
class Stats:
    def __init__(self, frame: pd.DataFrame):
        self.frame = frame
    def mean_length(self) -> float:
        return float(self.frame["text"].str.len().mean())
def run(batch: pd.DataFrame) -> pd.DataFrame:
    batch["mean"] = batch.stats.mean_length()
    return batch
---
import polars as pl
@pl.api.register_expr_namespace("text")
class Text:
    def __init__(self, expr: pl.Expr):
        self._expr = expr
    def words(self) -> pl.Expr:
        return self._expr.str.split(" ").list.len()
pl.DataFrame({"a": ["x y"]}).select(pl.col("a").text.words())
---
import logging
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("{asctime} {levelname} {name}: {message}", style="{"))
logging.getLogger(__name__).addHandler(handler)
---
import logging
logging.basicConfig(format="{levelname:8} {message}", style="{", level=logging.INFO)
---
TEMPLATE = "{agent.os.family} {agent.os.version}"
def label(agent):
    return TEMPLATE.format(agent=agent)
---
def label(agent):
    return "{0.os.family} on {0.device.brand}".format(agent)
---
def label(item):
    return "{i.time.hour}:{i.time.minute} {i.platform.name} {i.json.size}".format(i=item)
---
rows = [{"a": 1}]
print("\n".join(map("{0[a]}".format_map, [{"0": row} for row in rows])))
---
import numpy as np
f = "{:.3f}".format
print([f(x) for x in np.zeros(3)])
---
import pandas as pd
def show(df: pd.DataFrame):
    return df.style.format({"score": "{:.2%}", "price": "{:,.0f}"}).to_html()
---
import pandas as pd
pd.options.display.float_format = "{:.3f}".format
---
from tqdm import tqdm
for x in tqdm([1], bar_format="{l_bar}{bar:30}{r_bar}", desc="rows"): pass
---
import numpy as np
a = np.frombuffer(b"12345678", dtype=np.float32)
b = np.ndarray((2,), dtype=np.uint8, buffer=bytearray(2))
c = np.ndarray(shape=(2, 2), dtype="float32")
d = np.ndarray((2,), np.float32, bytearray(8))
e = np.array(["a", None], dtype=object)
f = np.empty(3, dtype=object)
g = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
---
import numpy as np
class Vector(np.ndarray):
    def __new__(cls, values):
        return np.asarray(values, dtype=np.float32).view(cls)
Vector([1, 2]).sum()
---
import numpy as np
class Tagged(np.ndarray):
    def __new__(cls, shape, tag=None):
        obj = super().__new__(cls, shape, dtype=np.float32)
        obj.tag = tag
        return obj
---
import torch
import numpy as np
from dataclasses import dataclass
@dataclass
class Settings:
    size: int = 1
torch.serialization.add_safe_globals([Settings, np.dtype, np.ndarray])
state = torch.load("model.pt", weights_only=True, map_location="cpu")
---
import torch
with torch.serialization.safe_globals([torch.nn.Linear]):
    model = torch.load("model.pt", weights_only=True)
---
import onnxruntime as ort
session = ort.InferenceSession("m.onnx", providers=[("CUDAExecutionProvider", {"device_id": 0, "arena_extend_strategy": "kNextPowerOfTwo"}), "CPUExecutionProvider"])
---
import onnxruntime as ort
session = ort.InferenceSession("m.onnx", providers=[("QNNExecutionProvider", {"backend_path": "QnnHtp.dll"})])
---
import soundfile as sf
data, rate = sf.read("a.wav", dtype="float32", always_2d=True)
sf.write("b.flac", data, rate, "PCM_16", None, "FLAC")
for block in sf.blocks("a.wav", blocksize=1024, overlap=512): pass
---
class Schema:
    def dump(self, row): return {"a": row}
Schema().dump("x")
---
import json, yaml
text = json.dumps({"a": 1})
yaml.safe_dump({"a": 1})
---
class Store:
    def __init__(self, client): self.client = client
    def save(self, obj): return self.client.dump(obj)
---
class Recorder:
    def tofile(self, name): return name
    def to_pickle(self): return None
Recorder().tofile("x"); Recorder().to_pickle()
---
class Config:
    def __init__(self, trust_remote_code=False):
        self.trust_remote_code = trust_remote_code
---
import pandas as pd
def run(df):
    return df.groupby("a").agg({"b": "mean", "c": ["min", "max"]}).apply("sum")
---
class Single:
    _one = None
    def __new__(cls, *args):
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one
Single(1)._one
---
class Pool:
    def __new__(cls, size): return object.__new__(cls)
    def __init__(self, size): self.size = size
Pool(3).size
---
import asyncio
async def run():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.set_result({"a": 1})
    return (await future)["a"]
---
import sqlite3
db = sqlite3.connect(":memory:")
db.row_factory = sqlite3.Row
db.execute("create table t(a)")
rows = [dict(r) for r in db.execute("select a from t")]
---
import sqlite3
db = sqlite3.connect(":memory:")
db.row_factory = lambda cursor, row: {c[0]: v for c, v in zip(cursor.description, row)}
print(db.execute("select 1 as a").fetchone()["a"])
---
import sqlite3
db = sqlite3.connect(":memory:")
db.create_function("double", 1, lambda x: 2 * x)
---
import torch
model = torch.nn.Linear(2, 2)
model.custom_forward = lambda x: model(x) * 2
model.eval()
print(model.custom_forward(torch.zeros(1, 2)).tolist())
---
import cv2
cap = cv2.VideoCapture("a.mp4", cv2.CAP_FFMPEG)
while True:
    ok, frame = cap.read()
    if not ok: break
cap.release()
---
import numpy as np
import torch
def normalise(xp, x):
    return x / xp.linalg.norm(x)
normalise(np, np.ones(3)); normalise(torch, torch.ones(3))
---
class Meta:
    def __init__(self, namespace): self.namespace = namespace
    def register_user_namespace(self, name): return name
Meta("a").register_user_namespace("b")
---
from transformers import AutoModel
model = AutoModel.from_pretrained("a/b", trust_remote_code=False, use_safetensors=True).eval()
model.config.use_cache = False
---
import array, io
values = array.array("d", [1.0, 2.0])
data = values.tobytes()
---
from string import Template
Template("$a.os.environ").substitute(a=1)
---
"{0}.os.environ".format("x")
---
message = "{user.email.address} {user.name}".format
print(message(user=1))
---
import torch
import torch.nn.functional as F
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": F.silu, "elu": F.elu, "selu": F.selu, "mish": F.mish, "hardswish": F.hardswish, "softplus": F.softplus}
class Processor:
    def __init__(self, config):
        self._keep(ACTIVATIONS[config.activation])
        self._count = 0
    def _keep(self, fn):
        self._fn = fn
        self._calls = {}
        return self._fn
    def __call__(self, batch):
        self._count += len(batch)
        batch["x"] = [self._fn(torch.zeros(1)).item() for _ in range(len(batch))]
        return batch
---
import numpy as np
REDUCE = {"mean": np.mean, "sum": np.sum, "min": np.min, "max": np.max, "std": np.std, "var": np.var, "median": np.median, "prod": np.prod, "any": np.any, "all": np.all}
class Reducer:
    def __init__(self, config):
        self._name = config.name
        self._reduce = self._find(REDUCE.get(config.name, np.mean))
    def _find(self, function):
        self._function = function
        return self._wrap(function)
    def _wrap(self, function):
        self._wrapped = lambda x: function(x)
        return self._wrapped
    def __call__(self, batch):
        batch["x"] = [self._reduce(v) for v in batch["v"]]
        return batch
---
from transformers import AutoModel, AutoTokenizer, AutoProcessor, AutoConfig, CLIPModel, CLIPProcessor, BertModel, BertTokenizer, T5Model, T5Tokenizer
MODELS = {"auto": (AutoModel, AutoTokenizer), "clip": (CLIPModel, CLIPProcessor), "bert": (BertModel, BertTokenizer), "t5": (T5Model, T5Tokenizer), "p": (AutoConfig, AutoProcessor)}
class Embedder:
    def __init__(self, config):
        model_class, processor_class = MODELS[config.kind]
        self._model = self._load(model_class, config.name)
        self._processor = self._load(processor_class, config.name)
    def _load(self, cls, name):
        self._loaded = cls.from_pretrained(name)
        return self._loaded
    def __call__(self, batch):
        self._rows = len(batch)
        return batch
---
import numpy as np
class Backend:
    def __init__(self, xp):
        self._xp = xp
        self._cache = {}
    def norm(self, x):
        self._calls = 1
        return self._xp.linalg.norm(x)
Backend(np).norm(np.ones(3))
---
import numpy as np
class Backend:
    def __init__(self):
        self._cache = {}
        self._set(np)
    def _set(self, xp):
        self._xp = xp
        self._cache["a"] = 1
    def norm(self, x):
        return self._xp.linalg.norm(x)
Backend().norm(np.ones(3))
"""
"""Honest code with the same words."""

CARRIED = [
    text.strip()
    for texts in (ACCESSORS_AND_FORMATS, UNSAFE_LIBRARY_USE, MODULES_AS_VALUES, NO_OBJECT_AS_SELF)
    for text in texts.split("\n---\n")
]
HONEST = [text.strip() for text in LOOK_ALIKES.split("\n---\n")]
