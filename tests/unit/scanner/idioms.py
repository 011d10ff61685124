"""How honest plugins use their libraries, one snippet each; none of them may draw a remark."""

IDIOMS = r"""
import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

class Embedder:
    def __init__(self, config, progress_actor=None):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tok = AutoTokenizer.from_pretrained("intfloat/e5-small-v2")
        self.model = AutoModel.from_pretrained("intfloat/e5-small-v2", torch_dtype=torch.float32).to(self.device).eval()
    @torch.inference_mode()
    def __call__(self, batch):
        enc = self.tok(batch["data"].fillna("").tolist(), padding=True, truncation=True, max_length=512, return_tensors="pt").to(self.device)
        out = self.model(**enc).last_hidden_state
        mask = enc["attention_mask"].unsqueeze(-1).float()
        pooled = (out * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        batch["emb"] = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy().tolist()
        return batch
---
import io
from PIL import Image, ImageOps, UnidentifiedImageError

def load(data: bytes):
    try:
        with Image.open(io.BytesIO(data)) as img:
            img = ImageOps.exif_transpose(img).convert("RGB")
            img.thumbnail((512, 512), Image.Resampling.LANCZOS)
            return img
    except (UnidentifiedImageError, OSError) as e:
        raise ValueError(f"not an image: {e}") from e
---
import cv2
import numpy as np

def frames(path: str, every: int = 30):
    cap = cv2.VideoCapture(path)
    try:
        i = 0
        while True:
            ok, frame = cap.read()
            if not ok:
                break
            if i % every == 0:
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            i += 1
    finally:
        cap.release()
---
import librosa
import numpy as np
def mel(path):
    y, sr = librosa.load(path, sr=16000, mono=True)
    m = librosa.feature.melspectrogram(y=y, sr=sr, n_mels=80)
    return librosa.power_to_db(m, ref=np.max)
---
import soundfile as sf
import io
def read(b): return sf.read(io.BytesIO(b), dtype="float32", always_2d=True)
---
import ffmpeg
def wav(src, dst):
    (ffmpeg.input(src).output(dst, ac=1, ar=16000, format="wav").overwrite_output().run(quiet=True))
    return ffmpeg.probe(src)["streams"]
---
import ffmpeg
out, err = ffmpeg.input("x").output("pipe:", format="s16le").run(capture_stdout=True, capture_stderr=True)
---
import ffmpeg
ffmpeg.run(ffmpeg.output(ffmpeg.input("a"), "b"), overwrite_output=True)
---
import httpx
async def fetch(urls):
    async with httpx.AsyncClient(timeout=httpx.Timeout(10.0, connect=5.0), limits=httpx.Limits(max_connections=10), follow_redirects=True) as c:
        r = await c.get(urls[0], headers={"Authorization": "Bearer x"})
        r.raise_for_status()
        return r.json()
---
import requests
s = requests.Session()
s.headers.update({"User-Agent": "x"})
r = s.post("https://api.example.com/v1/embed", json={"a": 1}, timeout=30)
if r.status_code == 429: pass
data = r.json()["data"]
---
import aiohttp
import asyncio
async def go(url):
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session, session.get(url) as resp:
        return await resp.read()
def run(urls):
    async def main():
        sem = asyncio.Semaphore(8)
        async def one(u):
            async with sem:
                return await go(u)
        return await asyncio.gather(*(one(u) for u in urls), return_exceptions=True)
    return asyncio.run(main())
---
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from typing import Annotated, Literal
class P(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    mode: Literal["a", "b"] = "a"
    k: Annotated[int, Field(ge=1, le=10)] = 3
    @field_validator("k")
    @classmethod
    def check(cls, v: int) -> int:
        return v
    @model_validator(mode="after")
    def both(self) -> "P":
        if self.mode == "a" and self.k > 5: raise ValueError("k")
        return self
---
from __future__ import annotations
from dataclasses import dataclass, field, replace, asdict
from enum import Enum, auto, IntEnum
class Color(str, Enum):
    RED = "red"
    @classmethod
    def _missing_(cls, value): return cls.RED
    @property
    def nice(self) -> str: return self.value.title()
@dataclass(slots=True, frozen=True)
class C:
    xs: list[int] = field(default_factory=list)
    c: Color = Color.RED
    def more(self) -> C: return replace(self, xs=[*self.xs, 1])
print(asdict(C()))
---
from pathlib import Path
HERE = Path(__file__).parent
LABELS = HERE / "data" / "labels.txt"
def name(p): return Path(p).suffix.lower(), Path(p).stem, LABELS.exists()
---
import logging
logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
logger.addHandler(handler)
logger.warning("x %s", 1, extra={"a": 1})
try: 1 / 0
except ZeroDivisionError: logger.exception("bad")
---
from typing import Generic, TypeVar, Protocol, overload, TYPE_CHECKING, cast, Any
if TYPE_CHECKING:
    import pandas as pd
T = TypeVar("T")
class Repo(Protocol[T]):
    def get(self, k: str) -> T | None: ...
class Box(Generic[T]):
    def __init__(self, v: T) -> None: self.v = v
    def map(self, f) -> "Box[Any]": return Box(f(self.v))
def f(df: "pd.DataFrame") -> "pd.Series": return df["a"]
---
import pandas as pd
def f(df, threshold):
    df = df.query("score > @threshold and label == 'x'")
    df = df.assign(n=lambda d: d["a"] + 1).sort_values("n", ascending=False).drop_duplicates(subset=["a"])
    g = df.groupby("a", as_index=False).agg(total=("n", "sum"), mean=("n", "mean"))
    return g.merge(df, on="a", how="left").pipe(lambda d: d.reset_index(drop=True))
---
import pandas as pd
def f(df):
    df["len"] = df["data"].str.len()
    df["low"] = df["data"].apply(lambda s: s.lower() if isinstance(s, str) else "")
    df.loc[df["len"] > 3, "big"] = True
    for row in df.itertuples(index=False): print(row.data)
    df.eval("z = len * 2", inplace=False)
    return df.explode("data").fillna({"a": 0}).astype({"a": "int64"})
---
import torch
from torch import nn, Tensor
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 3), nn.GELU(), nn.Dropout(0.1))
        self.register_buffer("scale", torch.ones(1))
    def forward(self, x: Tensor) -> Tensor: return F.layer_norm(self.layers(x) * self.scale, (3,))
net = Net().eval().half()
net.load_state_dict(torch.load("x", map_location="cpu", weights_only=True), strict=False)
with torch.no_grad(), torch.autocast("cpu"): net(torch.zeros(1, 3))
for p in net.parameters(): p.requires_grad_(False)
torch.set_num_threads(2); torch.manual_seed(0); torch.backends.cudnn.benchmark = True
---
from sentence_transformers import SentenceTransformer, CrossEncoder, util
m = SentenceTransformer("all-MiniLM-L6-v2", device="cpu")
v = m.encode(["a"], batch_size=32, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
util.cos_sim(v, v)
---
from transformers import pipeline, CLIPModel, CLIPProcessor, WhisperProcessor, WhisperForConditionalGeneration
clf = pipeline("zero-shot-classification", model="facebook/bart-large-mnli", device=-1)
clip = CLIPModel.from_pretrained("openai/clip-vit-base-patch32")
proc = CLIPProcessor.from_pretrained("openai/clip-vit-base-patch32")
feats = clip.get_image_features(**proc(images=[1], return_tensors="pt"))
---
import onnxruntime as ort
opts = ort.SessionOptions()
opts.intra_op_num_threads = 2
opts.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
s = ort.InferenceSession("m.onnx", opts, providers=["CPUExecutionProvider"])
s.run(None, {s.get_inputs()[0].name: 1})
---
from safetensors.torch import load_file
w = load_file("model.safetensors")
---
from safetensors import safe_open
with safe_open("m.safetensors", framework="np") as f:
    t = {k: f.get_tensor(k) for k in f.keys()}
---
from functools import lru_cache, partial, cached_property, wraps, reduce, singledispatch
@lru_cache(maxsize=None)
def load(n): return n
def timed(f):
    @wraps(f)
    def inner(*a, **k): return f(*a, **k)
    return inner
@timed
def g(): ...
class A:
    @cached_property
    def m(self): return 1
h = partial(g)
---
import re, json, hashlib, base64, uuid, math, time, random, itertools, collections, string, datetime as dt
P = re.compile(r"(?P<k>\w+)=(\d+)", re.I | re.M)
for m in P.finditer("a=1"): m.group("k"), m.span(), m.groupdict()
hashlib.sha256(b"x").hexdigest(); base64.b64encode(b"x").decode(); str(uuid.uuid4()); time.perf_counter(); random.Random(1).choice([1])
c = collections.Counter("aa").most_common(1); d = collections.defaultdict(list); d["a"].append(1)
for k, g in itertools.groupby([1]): list(g)
dt.datetime.now(dt.timezone.utc).isoformat()
json.dumps({"a": 1}, default=str, ensure_ascii=False)
---
from contextlib import contextmanager, suppress, nullcontext, ExitStack
@contextmanager
def timer(n):
    import time
    t = time.perf_counter()
    try: yield
    finally: print(n, time.perf_counter() - t)
with suppress(KeyError), ExitStack() as st: st.enter_context(timer("x"))
---
from concurrent.futures import ThreadPoolExecutor, as_completed
with ThreadPoolExecutor(max_workers=4) as ex:
    fs = {ex.submit(len, x): x for x in ["a"]}
    for f in as_completed(fs): f.result()
---
import tempfile, os
with tempfile.TemporaryDirectory() as d:
    p = os.path.join(d, "x.wav")
    os.makedirs(os.path.dirname(p), exist_ok=True)
with tempfile.NamedTemporaryFile(suffix=".mp4", delete=False) as t:
    t.write(b"x"); t.flush(); n = t.name
os.unlink(n)
---
from shared.plugins import open_asset, download_asset, parallel_io
def f(u):
    with open_asset(u) as fh: return fh.read()
---
import warnings
warnings.filterwarnings("ignore", category=UserWarning)
---
class Registry:
    _items: dict = {}
    def __init_subclass__(cls, **kw): super().__init_subclass__(**kw); Registry._items[cls.__name__] = cls
    @classmethod
    def make(cls, name, *a): return cls._items[name](*a)
class A(Registry): pass
Registry.make("A")
---
def dispatch(kind, x):
    match kind:
        case "a" | "b": return x
        case {"t": t, **rest}: return t, rest
        case [first, *_]: return first
        case int(n) if n > 1: return n
        case _: raise ValueError(kind)
---
import numpy as np
def f(x):
    x = np.asarray(x, dtype=np.float32)
    n = np.linalg.norm(x, axis=1, keepdims=True)
    np.seterr(all="ignore"); rng = np.random.default_rng(0); rng.normal(size=3)
    return np.einsum("ij,kj->ik", x / np.clip(n, 1e-9, None), x), np.percentile(x, [5, 95]), np.frombuffer(b"xxxx", np.uint8)
---
import polars as pl
df = pl.DataFrame({"a": [1]}).lazy().filter(pl.col("a") > 0).with_columns(b=pl.col("a") * 2).collect()
---
import pyarrow as pa, pyarrow.compute as pc
t = pa.table({"a": [1]}); pc.sum(t["a"]).as_py(); t.to_pandas()
---
import io, csv, zipfile, gzip
with zipfile.ZipFile(io.BytesIO(b"")) as z:
    for n in z.namelist(): z.read(n)
csv.DictReader(io.StringIO("a,b")); gzip.decompress(b"")
---
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
class T(HTMLParser):
    def __init__(self): super().__init__(); self.out = []
    def handle_data(self, d): self.out.append(d)
T().feed("<p>x</p>"); ET.fromstring("<a/>").findall("b")
---
from urllib.parse import urlparse, urljoin, quote
u = urlparse("https://x.y/z?a=1"); u.netloc, u.path
---
import sqlite3
c = sqlite3.connect(":memory:"); c.execute("create table t (a)"); c.executemany("insert into t values (?)", [(1,)])
---
import torch
from PIL import Image
from torch.utils.data import Dataset, DataLoader
class D(Dataset):
    def __len__(self): return 1
    def __getitem__(self, i): return torch.zeros(1)
for b in DataLoader(D(), batch_size=4, shuffle=False, num_workers=0, collate_fn=lambda xs: torch.stack(xs)): pass
---
class Lazy:
    def __getattr__(self, name): raise AttributeError(name)
    def __getstate__(self): return {}
    def __setstate__(self, s): self.x = 1
---
class Meta(type):
    def __call__(cls, *a): return super().__call__(*a)
class S(metaclass=Meta): pass
---
import abc
class Base(abc.ABC):
    @abc.abstractmethod
    def run(self): ...
    @property
    @abc.abstractmethod
    def name(self) -> str: ...
    def __repr__(self): return f"{type(self).__name__}({self.name!r})"
---
import traceback
try: 1 / 0
except Exception as e: print(traceback.format_exc(), type(e).__name__, e.args, "".join(traceback.format_exception(e)))
---
import time
def retry(f, n=3):
    for i in range(n):
        try: return f()
        except Exception as exc:
            if i == n - 1: raise RuntimeError("gave up") from exc
            time.sleep(2 ** i)
---
import inspect
def f(g): return list(inspect.signature(g).parameters), inspect.iscoroutinefunction(g)
---
import cv2
cv2.setNumThreads(1); img = cv2.imdecode(1, cv2.IMREAD_COLOR); ok, buf = cv2.imencode(".jpg", img, [cv2.IMWRITE_JPEG_QUALITY, 90]); buf.tobytes()
cv2.resize(img, (1, 1), interpolation=cv2.INTER_AREA); cv2.CascadeClassifier(cv2.data.haarcascades + "x.xml")
---
import asyncio
class P:
    def __call__(self, b):
        loop = asyncio.new_event_loop()
        try: return loop.run_until_complete(self.go(b))
        finally: loop.close()
    async def go(self, b):
        q = asyncio.Queue(); await q.put(1)
        async with asyncio.TaskGroup() as tg: tg.create_task(q.get())
        return await asyncio.wait_for(asyncio.to_thread(len, b), timeout=5)
---
from operator import itemgetter, attrgetter
sorted([{"a": 1}], key=itemgetter("a")); sorted([], key=attrgetter("score"))
---
import copy, pprint, textwrap, unicodedata, statistics, heapq, bisect, struct, decimal, fractions
copy.deepcopy([1]); textwrap.wrap("x"); unicodedata.normalize("NFKC", "x"); struct.unpack("<I", b"xxxx"); heapq.nlargest(1, [1])
"""
