"""Code that honest plugins contain; none of it may be refused, and none of it draws a warning."""

from textwrap import dedent

from tests.unit.scanner.idioms import IDIOMS

CLEAN = r"""
import os
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update({"MKL_NUM_THREADS": "1"}, OMP_NUM_THREADS="2")
for v in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[v] = "1"
for k in ["HF_HUB_OFFLINE"]:
    os.environ.setdefault(k, "1")
---
from os import environ
environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
---
from __future__ import annotations
from functools import cached_property, partial, wraps
from collections.abc import Callable, Mapping, Sequence
class Model:
    @cached_property
    def size(self) -> int: return 3
    def apply(self, function: Callable[[int], int], items: Sequence[int]) -> Mapping[str, int]:
        return {str(item): function(item) for item in items}
def traced(function):
    @wraps(function)
    def inner(*args, **kwargs): return function(*args, **kwargs)
    return inner
@traced
def double(x): return 2 * x
Model().apply(partial(double), [1])
---
import re
PATTERN = re.compile(r'\w+', re.IGNORECASE)
found = PATTERN.findall('a b')
---
model.eval()
model.to('cuda').eval().half()
---
agent.os.family == 'Linux'
request.user_agent.os.version
---
class Store:
    def open(self): return self
    def load(self, path): return path
    def exec(self, sql): return sql
    def eval(self): return 1
    def compile(self): return 2
s = Store()
s.open().load('x')
s.exec('select 1')
s.eval()
s.compile()
---
def f(open, input, vars):
    return open(input, vars)
---
def f():
    vars = {'a': 1}
    locals = list(vars)
    return vars, locals
---
def f(rows):
    eval = [r for r in rows if r.split == 'eval']
    return eval
---
for compile in (1, 2):
    def g(): return 1
x = [open for open in range(3)]
---
class Config:
    open = False
    vars = 3
print(Config.open, Config().vars)
---
db.query("select * from t where system = 'os'")
index.query(vector, top_k=3)
session.query(User).filter(User.id == 1)
---
import pandas as pd
df = pd.DataFrame({'score': [1]})
df.query('score > 0.5 and label == "a"')
df.query('score > @threshold')
df.eval('total = score * 2')
df.query('`my column` > 1')
---
import pandas as pd
import numpy as np
def clean(batch: pd.DataFrame) -> pd.DataFrame:
    batch['n'] = batch['text'].fillna('').str.len().astype(np.int64)
    batch = batch[batch['n'] > 0].copy()
    batch.loc[:, 'x'] = batch.apply(lambda row: row['n'] + 1, axis=1)
    batch = batch.groupby('n').agg({'x': 'mean'}).reset_index()
    return batch.merge(batch, on='n').sort_values('x').drop_duplicates()
---
import numpy as np
a = np.random.default_rng(0).random((3, 4)).astype('float32')
norm = np.linalg.norm(a, axis=1, keepdims=True)
b = np.where(norm > 0, a / norm, 0)
np.testing.assert_allclose(a, a)
c = np.ma.array(a)
d = np.array([1]).tobytes()
e = np.frombuffer(d, dtype=np.int64)
f = np.fft.rfft(a)
np.random.seed(0)
np.set_printoptions(precision=3)
np.save('x.npy', a)
---
import torch
from torch import nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self, dim: int = 3):
        super().__init__()
        self.layer = nn.Linear(dim, dim)
        self._cache = {}
    def forward(self, x):
        return F.normalize(self.layer(x), dim=-1)
net = Net()
net.eval()
net.load_state_dict(torch.load('w.pt', map_location='cpu', weights_only=True))
with torch.no_grad(), torch.inference_mode():
    y = net(torch.rand(2, 3)).cpu().numpy().tolist()
device = 'cuda' if torch.cuda.is_available() else 'cpu'
torch.backends.cudnn.benchmark = True
torch.set_num_threads(2)
torch.manual_seed(0)
print(torch.__version__, [p for p in net._parameters])
---
import torch
def run(flag, config):
    torch.backends.cuda.matmul.allow_tf32 = flag
    torch.backends.cudnn.deterministic = config.deterministic
---
from PIL import Image, ImageOps, ImageFile
import io
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = True
def load(data: bytes):
    image = Image.open(io.BytesIO(data)).convert('RGB')
    return ImageOps.exif_transpose(image).resize((224, 224))
def save(image):
    buffer = io.BytesIO()
    image.save(buffer, format='PNG')
    return buffer.getvalue()
---
import cv2
import numpy as np
def frames(path):
    capture = cv2.VideoCapture(path)
    ok, frame = capture.read()
    while ok:
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        ok, frame = capture.read()
    capture.release()
image = cv2.imdecode(np.frombuffer(b'', np.uint8), cv2.IMREAD_COLOR)
---
import librosa
import soundfile as sf
y, sr = librosa.load('a.wav', sr=16000)
mel = librosa.feature.melspectrogram(y=y, sr=sr)
data, rate = sf.read('a.wav', dtype='float32')
sf.write('b.wav', data, rate, format='WAV')
---
import ffmpeg
out, err = ffmpeg.input('a.mp4').output('pipe:', format='wav', ac=1).run(capture_stdout=True, quiet=True)
info = ffmpeg.probe('a.mp4')
---
import requests
session = requests.Session()
session.headers.update({'Authorization': 'Bearer x'})
r = session.post('https://api.example.com/v1', json={'a': 1}, timeout=10)
r.raise_for_status()
print(r.json()['x'], r.status_code == requests.codes.ok)
try:
    pass
except requests.exceptions.RequestException as error:
    raise RuntimeError('failed') from error
---
import httpx
async def call(items):
    async with httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=5)) as client:
        return [(await client.get(f'https://api.example.com/{i}')).json() for i in items]
---
import aiohttp, asyncio
async def call(url):
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        async with session.get(url) as response:
            return await response.json()
asyncio.run(call('https://example.com'))
async def many(urls):
    sem = asyncio.Semaphore(4)
    return await asyncio.gather(*(call(u) for u in urls))
---
import logging
log = logging.getLogger(__name__)
logging.basicConfig(level=logging.INFO, format='%(message)s')
log.info('rows %d', 3)
log.exception('failed')
logging.getLogger('transformers').setLevel(logging.ERROR)
handler = logging.StreamHandler()
---
import transformers
from transformers import AutoModel, AutoTokenizer, pipeline
transformers.logging.set_verbosity_error()
transformers.utils.logging.set_verbosity_error()
tok = AutoTokenizer.from_pretrained('bert-base-uncased')
model = AutoModel.from_pretrained('bert-base-uncased', trust_remote_code=False, torch_dtype='auto')
clf = pipeline('text-classification', model='x')
---
from transformers import AutoModel
OPTIONS = {'torch_dtype': 'auto'}
AutoModel.from_pretrained('x', **OPTIONS)
---
from sentence_transformers import SentenceTransformer, util
m = SentenceTransformer('all-MiniLM-L6-v2', device='cpu')
v = m.encode(['a'], batch_size=8, normalize_embeddings=True)
s = util.cos_sim(v, v)
---
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
session = ort.InferenceSession('m.onnx', options, providers=['CPUExecutionProvider'])
out = session.run(None, {session.get_inputs()[0].name: x})
---
from safetensors.torch import load_file
from safetensors import safe_open
weights = load_file('w.safetensors')
with safe_open('w.safetensors', framework='pt') as f:
    t = f.get_tensor('a')
---
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
t = pa.table({'a': pa.array([1, 2], type=pa.int64())})
pq.write_table(t, 'x.parquet')
pc.sum(t['a']).as_py()
pa.types.is_integer(t.schema.field('a').type)
---
import polars as pl
df = pl.DataFrame({'a': [1]}).with_columns(pl.col('a').cast(pl.Float64).alias('b'))
df.filter(pl.col('a') > 1).group_by('a').agg(pl.len())
pl.read_parquet('x.parquet').to_pandas()
---
from pydantic import BaseModel, Field, field_validator, model_validator, ConfigDict
from typing import Any, Dict, List, Literal, Optional
class Params(BaseModel):
    model_config = ConfigDict(extra='forbid')
    mode: Literal['eval', 'exec'] = 'eval'
    names: List[str] = Field(default_factory=list)
    child: Optional['Params'] = None
    @field_validator('names')
    @classmethod
    def strip(cls, value):
        return [v.strip() for v in value]
p = Params.model_validate({'mode': 'eval'})
p.model_dump(); p.model_dump_json(); Params.model_json_schema()
Params.model_rebuild()
---
from pydantic import create_model
M = create_model('M', a=(int, 3), b=(str, 'text'))
---
from dataclasses import dataclass, field, asdict, replace
@dataclass(frozen=True)
class C:
    a: int = 1
    b: list = field(default_factory=list)
    def __post_init__(self):
        if self.a < 0: raise ValueError(f'{self.a!r} < 0')
asdict(C()); replace(C(), a=2)
---
import json
cfg = json.loads('{"a": 1}')
def dump(x, encoder=json): return encoder.dumps(x)
---
import os
import os.path as osp
root = os.path.dirname(os.path.abspath(__file__))
name = os.path.splitext(os.path.basename('a.txt'))[0]
token = os.environ.get('TOKEN', '') or os.getenv('X')
os.makedirs(osp.join(root, 'x'), exist_ok=True)
workers = os.cpu_count() or 1
if os.path.exists('x'): os.remove('x')
env = os.environ.copy()
for entry in os.listdir('.'): print(entry)
---
import sys
if sys.version_info >= (3, 11): pass
print('x', file=sys.stderr)
sys.stdout.flush()
sys.getsizeof([])
sys.platform.startswith('linux')
---
import io, base64, hashlib, uuid, time, datetime, math, random, itertools, functools, collections, string, struct, zlib
h = hashlib.sha256(b'x').hexdigest()
u = uuid.uuid4().hex
t = time.perf_counter()
now = datetime.datetime.now(datetime.timezone.utc).time()
d = collections.defaultdict(list)
c = collections.Counter('abc').copy()
@functools.lru_cache(maxsize=8)
def f(n): return functools.reduce(lambda a, b: a + b, range(n), 0)
pairs = list(itertools.chain.from_iterable([[1], [2]]))
s = string.Template('$a').substitute(a=1)
x = struct.unpack('<I', b'abcd')
random.shuffle(pairs)
b64 = base64.b64encode(b'x').decode('ascii')
---
from operator import attrgetter, itemgetter, methodcaller
sorted(rows, key=attrgetter('score'))
sorted(rows, key=itemgetter(1))
list(map(methodcaller('strip'), texts))
max(rows, key=attrgetter('meta.size'))
---
from concurrent.futures import ThreadPoolExecutor, as_completed
with ThreadPoolExecutor(max_workers=4) as pool:
    done = [f.result() for f in as_completed([pool.submit(len, 'x')])]
---
import tempfile, shutil, os
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'x')
with tempfile.NamedTemporaryFile(suffix='.wav', delete=False) as handle:
    handle.write(b'x')
    name = handle.name
shutil.rmtree('x', ignore_errors=True)
shutil.which('x')
---
from pathlib import Path
here = Path(__file__).parent / 'labels.json'
if here.exists() and here.suffix == '.json': size = here.stat().st_size
names = [p.name for p in Path('.').glob('*.txt')]
Path('x').mkdir(parents=True, exist_ok=True)
---
import gc
import torch
gc.collect()
torch.cuda.empty_cache()
---
import warnings
warnings.filterwarnings('ignore', category=UserWarning)
with warnings.catch_warnings():
    warnings.simplefilter('ignore')
---
import traceback
try: pass
except Exception as error:
    text = traceback.format_exc()
    kind = type(error).__name__
    raise ValueError(f'{kind}: {error}') from error
---
from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Protocol, TypeVar, Generic, NamedTuple, TYPE_CHECKING, Callable, Iterator
T = TypeVar('T', bound='Base')
class Kind(str, Enum):
    A = 'a'
    B = auto()
class Base(ABC, Generic[T]):
    def __init__(self): self._name = 'x'
    @abstractmethod
    def run(self) -> 'Base': ...
    @property
    def name(self) -> str: return self._name
    def __enter__(self): return self
    def __exit__(self, *exc): return False
    def __len__(self): return 3
    def __getattr__(self, key): raise AttributeError(key)
    def __eq__(self, other): return isinstance(other, Base) and other._name == self._name
class Row(NamedTuple):
    a: int
    def d(self): return self._asdict()
Row(1)._replace(a=2)
Kind.__members__
if TYPE_CHECKING:
    import pandas as pd
def f(frame: 'pd.DataFrame') -> 'Optional[int]': ...
---
import inspect
sig = inspect.signature(print)
if inspect.iscoroutinefunction(print): pass
---
import importlib.util
HAS_TORCH = importlib.util.find_spec('torch') is not None
---
from importlib.metadata import version, PackageNotFoundError
try: v = version('torch')
except PackageNotFoundError: v = None
---
import types
ns = types.SimpleNamespace(a=1)
print(ns.a)
---
import zipfile, csv, io
with zipfile.ZipFile(io.BytesIO(b'')) as z:
    rows = list(csv.DictReader(io.TextIOWrapper(z.open('x.csv'), 'utf-8')))
---
import gzip, bz2, lzma
gzip.decompress(b''); bz2.decompress(b''); lzma.decompress(b'')
gzip.compress(b'x')
---
import xml.etree.ElementTree as ET
root = ET.fromstring('<a><b/></a>')
[child.tag for child in root.iter('b')]
---
from urllib.parse import urlparse, urljoin, quote
import urllib.parse
host = urlparse('https://example.com/x').netloc
urllib.parse.urlencode({'a': 1})
---
import sqlite3
db = sqlite3.connect(':memory:')
db.execute('create table t (a)').fetchall()
---
from engine.plugins.extractors.pipeline import PipelineDefinition, ResourceType, RowCondition, StepDefinition, build_pipeline_steps
from engine.models import LazyModelMixin, lazy_model
from engine.models.loader import load_hf_model
from shared.models.loader import load_namespace_model
from shared.plugins import open_asset, download_asset, parallel_io, concurrent_api_calls
from shared.plugins.sdk import open_asset
from shared.plugins.inference.serve import BaseInferenceService
from shared.plugins.inference.batch import BaseBatchInferenceService
from engine.inference.services import BaseBatchInferenceService
from shared.inference.registry import get_batch_service
from engine.inference.openai.whisper_api.services import WhisperTranscriptionBatch, WhisperConfig
from engine.inference.intfloat.multilingual_e5_large_instruct.services import E5TextEmbeddingBatch, E5Config
---
import engine.plugins.extractors.pipeline as pipeline
steps = pipeline.build_pipeline_steps(pipeline.PipelineDefinition(name='x', version='1.0.0', steps=[]))
---
def f(value):
    match value:
        case {'kind': 'a', 'items': [first, *rest]}: return first, rest
        case str() | bytes(): return value
        case Point(x=0, y=y): return y
        case _: return None
---
text = '{name}: {score:.2f} {items[0]} {user.name}'.format(**row)
template = 'Summarise: {text}'
prompt = template.format(text='x')
message = f'{self.name!r} took {elapsed:.1f}s'
braces = '{"a": {"b": 1}}'
---
URL = 'https://api.openai.com/v1/embeddings'
DOCS = 'See http://example.com:8080/path?x=1'
VERSION = '1.2.3.4'
IP = '8.8.8.8'
---
class A:
    __slots__ = ('a', '_b')
    def __init__(self): self.a = 1; self._b = 2; self.__c = 3
    def __repr__(self): return f'A({self.a}, {self._b}, {self.__c})'
    def same(self, other): return self._b == other._b
    @classmethod
    def make(cls): return cls()
    @staticmethod
    def twice(x): return x * 2
print(A.__name__, A.__doc__, A.make().same(A()), A.twice(2))
__all__ = ['A']
__version__ = '1.0'
__author__ = 'x'
---
import numpy as np
LIBS = {'mean': np.mean, 'max': np.max}
def pool(name, x): return LIBS[name](x, axis=0)
def f(module=np): return module.array([1])
f(np)
---
def test_run(tmp_path, monkeypatch): assert str(tmp_path)
---
if __name__ == '__main__':
    print('x')
---
import contextlib
with contextlib.suppress(KeyError): pass
@contextlib.contextmanager
def g(): yield 1
---
import ast
value = ast.literal_eval('[1, 2]')
---
import timeit
start = timeit.default_timer()
timeit.timeit('x = 1 + 2', number=3)
---
import unicodedata, html, textwrap, difflib
unicodedata.normalize('NFC', 'x'); html.unescape('&amp;'); textwrap.dedent(' x')
---
from typing_extensions import Annotated
from typing import Annotated as An
x: An[int, 'any text (here)'] = 3
---
import imageio.v3 as iio
import imageio
frames = iio.imread('a.mp4', plugin='pyav')
imageio.mimsave('a.gif', frames)
---
async def stream(reader):
    async for item in reader:
        yield await item
---
lambda: (yield)
---
import queue
q = queue.Queue()
q.put(1)
q.get()
---
import re as regex
def compile(pattern): return regex.compile(pattern)
x = compile('a')
---
print('open', 'eval', 'os.system')
doc = {'type': 'exec', 'eval': 1}
---
global_vars = dict(open=1, eval=2)
print(global_vars['eval'])
---
import torch
x = torch.compile(model)
y = torch.jit.script(model)
z = torch.export.export(model, (x,))
---
import requests
requests.get('http://10.0.0.5:8080/v1', timeout=3)
requests.post('http://192.168.1.20/embed')
requests.get('https://172.16.3.4/')
BASE = 'http://minio.default.svc.cluster.local:9000'
HOST = '10.1.2.3'
---
import torch
from torch.utils.data import DataLoader, Dataset
class Rows(Dataset):
    def __init__(self, rows): self.rows = rows
    def __len__(self): return len(self.rows)
    def __getitem__(self, i): return self.rows[i]
loader = DataLoader(Rows([1]), batch_size=8, shuffle=False, num_workers=0)
for batch in DataLoader(Rows([1]), batch_size=2): print(batch)
---
from __future__ import annotations
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar
if TYPE_CHECKING:
    import pandas as pd
@dataclass(slots=True)
class Config:
    names: list[str] = field(default_factory=list)
    limits: dict[str, tuple[int, ...]] = field(default_factory=dict)
    kind: ClassVar[str] = 'x'
    def frame(self) -> pd.DataFrame: ...
---
class Registry:
    _known: dict = {}
    def __init_subclass__(cls, name=None, **kwargs):
        super().__init_subclass__(**kwargs)
        Registry._known[name or cls.__name__.lower()] = cls
    @classmethod
    def make(cls, name, *args): return cls._known[name](*args)
class Upper(Registry, name='upper'):
    def __call__(self, text): return text.upper()
print(Registry.make('upper')('a'))
---
class Typed:
    def __class_getitem__(cls, item): return cls
    def __getattr__(self, name):
        if name.startswith('x_'): return name
        raise AttributeError(name)
Typed[int]().x_a
---
import functools, time
def retry(times=3, wait=0.1):
    def decorate(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            for attempt in range(times):
                try: return function(*args, **kwargs)
                except (OSError, ValueError):
                    if attempt == times - 1: raise
                    time.sleep(wait * 2 ** attempt)
        return inner
    return decorate
@retry(times=2)
def call(x): return x
---
import contextlib, time, logging
log = logging.getLogger(__name__)
@contextlib.contextmanager
def timed(name):
    start = time.perf_counter()
    try: yield
    finally: log.info('%s took %.3f s', name, time.perf_counter() - start)
with timed('load'): pass
---
from typing import get_type_hints
class A: x: int
get_type_hints(A)
---
import functools, operator
total = functools.reduce(operator.mul, [1, 2, 3], 1)
rows = sorted([{'a': 1}], key=operator.itemgetter('a'))
names = list(map(operator.attrgetter('name'), []))
---
import inspect
if inspect.isclass(int): params = inspect.signature(len).parameters
---
import gc, sys
gc.collect()
print(sys.version_info[:2], sys.maxsize, sys.argv[0])
---
import codecs
text = codecs.decode(b'abc', 'utf-8', 'replace')
reader = codecs.getincrementaldecoder('utf-8')()
BOM = codecs.BOM_UTF8
---
from string import Template, Formatter
Template('$a').safe_substitute(a=1)
fields = [name for _, name, _, _ in Formatter().parse('{a} {b}')]
---
row = {'name': 'x', 'score': 0.5}
print('{name}: {score:.2f}'.format(**row))
print('{0.real:.1f} {1[0]}'.format(1.0, [2]))
print(f"{row['name']!r:>10} {row['score']:.{2}f} {max(1, 2)}")
---
import logging
logging.basicConfig(level='INFO', format='%(asctime)s %(levelname)s %(message)s')
logging.getLogger('httpx').setLevel(logging.WARNING)
logger = logging.getLogger(__name__); logger.addHandler(logging.NullHandler())
---
import pandas as pd
def f(df: pd.DataFrame, limit: float) -> pd.DataFrame:
    low = df.query('score < @limit and kind in ["a", "b"]')
    return low.assign(total=low.eval('score * 2 + weight')).pipe(lambda d: d.dropna())
---
import polars as pl
out = pl.DataFrame({'a': [1]}).select(pl.col('a').map_elements(lambda v: v + 1, return_dtype=pl.Int64))
pl.SQLContext(frame=out).execute('select a from frame where a > 1')
out.lazy().group_by('a').agg(pl.len()).collect()
---
import numpy as np
with np.load('x.npz', allow_pickle=False) as data: a = data['a']
np.savez('y.npz', a=a); np.save('z.npy', a, allow_pickle=False)
---
import os
env = {**os.environ}
path = os.path.join(os.getcwd(), 'x')
for root, folders, files in os.walk('.'): print(root)
---
import asyncio
async def main():
    async with asyncio.TaskGroup() as group: task = group.create_task(asyncio.sleep(0))
    queue = asyncio.Queue(); await queue.put(1)
    return await asyncio.wait_for(asyncio.to_thread(sum, [1]), 3)
asyncio.run(main())
---
class Node:
    def __init__(self, parent=None):
        self.parent, self._children, self.__hidden = parent, [], 0
        if parent is not None: parent._children.append(self)
    def __iter__(self): return iter(self._children)
    def __lt__(self, other): return self._key() < other._key()
    def _key(self): return (len(self._children), self.__hidden)
---
import torch
from torch import nn
class Block(nn.Module):
    def __init__(self, dim, act='gelu'):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, dim), {'relu': nn.ReLU, 'gelu': nn.GELU, 'silu': nn.SiLU, 'tanh': nn.Tanh}[act]())
        self.register_buffer('scale', torch.ones(dim))
    @torch.no_grad()
    def forward(self, x, **kwargs): return self.net(x) * self.scale
model = torch.nn.DataParallel(Block(3)).eval()
---
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, Trainer, TrainingArguments
args = {'torch_dtype': 'auto', 'device_map': 'auto'}
m = AutoModelForCausalLM.from_pretrained('x', **args)
ids = m.generate(**AutoTokenizer.from_pretrained('x')('hi', return_tensors='pt'), max_new_tokens=5)
---
from shared.plugins import open_asset, download_asset
def read(url):
    with open_asset(url) as handle: return handle.read()
path = download_asset('s3://a/b'); size = path.stat().st_size; data = path.read_bytes()
---
from PIL import Image, ImageDraw
def draw(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).rectangle([0, 0, 1, 1], outline='red')
    image.thumbnail((10, 10)); image.save('x.png'); return image.copy()
---
import json, pathlib
LABELS = json.loads('[]')
HERE = pathlib.Path(__file__).resolve().parent
---
from enum import Enum
class Color(Enum):
    RED = 'red'
    @classmethod
    def _missing_(cls, value): return cls.RED
    @property
    def label(self): return self.name.title() + self.value
Color('x')._name_; Color.__members__.items()
---
from collections import UserDict, namedtuple
P = namedtuple('P', 'x y'); P(1, 2)._asdict(); P._fields; P._make([1, 2])
class Cache(UserDict):
    def __missing__(self, key): self.data[key] = key; return key
---
import httpx
client = httpx.Client(base_url='https://api.example.com', headers={'a': 'b'}, timeout=httpx.Timeout(5.0))
client.post('/v1', json={'x': 1}, files={'f': b'x'}).raise_for_status().json()
transport = httpx.HTTPTransport(retries=3)
"""

WARNED = r"""
import pickle
data = pickle.dumps({'a': 1})
---
import sklearn.cluster
sklearn.cluster.KMeans(3).fit(x)
---
import yaml
yaml.safe_load('a: 1')
yaml.load('a: 1', Loader=yaml.SafeLoader)
---
def f(x): return x.__class__.__name__
---
def f(x, y): return x.__class__ is y.__class__
---
for c in x.__mro__: print(c.__name__)
---
import torch
torch.load('x.pt')
---
from joblib import dump
---
import tqdm
for x in tqdm.tqdm(range(3)): pass
---
import scipy.signal
scipy.signal.resample(x, 3)
"""


def clean() -> list[str]:
    """Snippets that pass without a remark."""
    return [dedent(text).strip() for texts in (CLEAN, IDIOMS) for text in texts.split("\n---\n")]


def warned() -> list[str]:
    """Snippets that pass with warnings only."""
    return [dedent(text).strip() for text in WARNED.split("\n---\n")]
