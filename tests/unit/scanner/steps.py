"""Parts of honest feature extraction, each at home with other libraries; none of them may be refused."""

STEPS = r"""
import asyncio
import httpx
import pandas as pd
class Captions:
    def __init__(self, config=None, progress_actor=None):
        self.limit = asyncio.Semaphore(8)
    async def _one(self, client: httpx.AsyncClient, url: str) -> dict:
        async with self.limit:
            response = await client.get(url, timeout=httpx.Timeout(10.0, connect=3.0))
            response.raise_for_status()
            return response.json()
    async def _all(self, urls):
        async with httpx.AsyncClient(follow_redirects=True, headers={"accept": "application/json"}) as client:
            return await asyncio.gather(*(self._one(client, url) for url in urls), return_exceptions=True)
    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        batch["answer"] = asyncio.run(self._all(batch["data"].tolist()))
        return batch
---
import torch
from torch import nn
class Head(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Dropout(0.1), nn.Linear(dim, 2))
        self.register_buffer("scale", torch.ones(1))
        self.best = None
    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return None
    @torch.inference_mode()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.net(x) * self.scale, dim=-1)
head = Head(4).to("cuda" if torch.cuda.is_available() else "cpu").eval()
head.load_state_dict(torch.load("head.pt", map_location="cpu", weights_only=True))
---
import torch
from torch.utils.data import DataLoader, Dataset
class Texts(Dataset):
    def __init__(self, texts): self.texts = texts
    def __len__(self): return len(self.texts)
    def __getitem__(self, index): return self.texts[index]
for part in DataLoader(Texts(["a"]), batch_size=8, shuffle=False, num_workers=0, collate_fn=lambda rows: rows):
    print(part)
---
import numpy as np
from transformers import AutoModel, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("intfloat/multilingual-e5-small")
model = AutoModel.from_pretrained("intfloat/multilingual-e5-small", torch_dtype="auto", attn_implementation="sdpa")
inputs = tokenizer(["query: a"], padding=True, truncation=True, max_length=512, return_tensors="pt")
states = model(**inputs).last_hidden_state
mask = inputs["attention_mask"].unsqueeze(-1)
vectors = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
rows = vectors.detach().cpu().numpy().astype(np.float32)
---
from sentence_transformers import SentenceTransformer, util
model = SentenceTransformer("all-MiniLM-L6-v2", device="cpu")
vectors = model.encode(["a", "b"], batch_size=32, normalize_embeddings=True, show_progress_bar=False)
scores = util.cos_sim(vectors, vectors)
---
import io
from PIL import Image, ImageOps, UnidentifiedImageError
Image.MAX_IMAGE_PIXELS = 200_000_000
def load(content: bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return ImageOps.exif_transpose(image).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    except (UnidentifiedImageError, OSError):
        return None
---
import cv2
import numpy as np
def frames(path: str, every: int = 30):
    video = cv2.VideoCapture(path)
    try:
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        for position in range(0, count, every):
            video.set(cv2.CAP_PROP_POS_FRAMES, position)
            ok, frame = video.read()
            if not ok: break
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        video.release()
histogram = [cv2.calcHist([np.zeros((2, 2, 3), np.uint8)], [c], None, [32], [0, 256]).flatten() for c in range(3)]
---
import librosa
import numpy as np
def features(path: str) -> np.ndarray:
    wave, rate = librosa.load(path, sr=16_000, mono=True)
    mel = librosa.feature.melspectrogram(y=wave, sr=rate, n_mels=64)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20)
    return np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1)]).astype(np.float32)
---
import pandas as pd
df = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
big = df.query("a > 1 and b == 'y'")
limit = 3
some = df.query("a < @limit")
df = df.assign(c=lambda d: d["a"] * 2).eval("d = a + c")
grouped = df.groupby("b", as_index=False).agg({"a": "sum", "c": ["mean", "max"]})
wide = df.pivot_table(index="a", columns="b", values="c", aggfunc="first", fill_value=0)
df["e"] = df.apply(lambda row: row["a"] + row.c, axis=1)
---
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    threshold: float = Field(default=0.5, ge=0, le=1)
    labels: list[str] = Field(default_factory=lambda: ["a", "b"])
    nested: "Params | None" = None
    @field_validator("labels")
    @classmethod
    def not_empty(cls, value: list[str]) -> list[str]:
        if not value: raise ValueError("labels must not be empty")
        return value
    @model_validator(mode="after")
    def check(self) -> "Params":
        return self
try: Params.model_validate({"threshold": 2})
except ValidationError as error: print(error.errors()[0]["loc"])
---
from dataclasses import asdict, dataclass, field, replace
@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    model: str = "small"
    extra: dict[str, int] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    def with_model(self, model: str) -> "Config":
        return replace(self, model=model)
settings = asdict(Config().with_model("large"))
---
import logging
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
log = logging.getLogger("plugin.captions")
log.addHandler(logging.NullHandler())
log.setLevel(logging.DEBUG)
log.warning("dropped %d of %d rows", 1, 2, extra={"step": "captions"})
try: 1 / 0
except ZeroDivisionError: log.exception("could not divide")
---
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypedDict, TypeVar, overload
T = TypeVar("T")
class Box(Generic[T]):
    kinds: ClassVar[dict[str, type]] = {}
    def __init__(self, item: T) -> None: self.item = item
    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        Box.kinds[cls.__name__] = cls
class Row(TypedDict, total=False):
    text: str
    mode: Literal["eval", "open"]
class Point(NamedTuple):
    x: float
    y: float = 0.0
class Reads(Protocol):
    def read(self, size: int = -1) -> bytes: ...
---
from concurrent.futures import ThreadPoolExecutor, as_completed
def work(item): return item * 2
with ThreadPoolExecutor(max_workers=4) as pool:
    futures = {pool.submit(work, item): item for item in range(3)}
    results = [future.result(timeout=10) for future in as_completed(futures)]
    more = list(pool.map(work, range(3)))
---
import base64, hashlib, json, re, unicodedata
def clean(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    return re.sub(r"(?i)\b(eval|open)\b", lambda match: match.group(0).upper(), text).strip()
key = hashlib.sha256(json.dumps({"a": 1}, sort_keys=True).encode()).hexdigest()[:16]
image = base64.b64decode("aGk=")
---
import onnxruntime as ort
import numpy as np
options = ort.SessionOptions()
options.intra_op_num_threads = 2
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
session = ort.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
scores = session.run(None, {name: np.zeros((1, 3), np.float32)})[0]
---
from safetensors.torch import load_file, save_file
import torch
weights = load_file("weights.safetensors", device="cpu")
norm = sum(float(tensor.norm()) for tensor in weights.values())
---
import polars as pl
frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}).with_columns((pl.col("a") * 2).alias("c"))
out = frame.lazy().filter(pl.col("c") > 2).group_by("b").agg(pl.len()).collect().to_pandas()
---
import pyarrow as pa
import pyarrow.compute as pc
table = pa.table({"a": [1, 2, None]})
filled = pc.fill_null(table["a"], 0).to_pylist()
schema = pa.schema([pa.field("vector", pa.list_(pa.float32(), 384))])
---
import requests
session = requests.Session()
session.headers.update({"Authorization": "Bearer x"})
session.mount("https://", requests.adapters.HTTPAdapter(max_retries=3))
answer = session.post("https://api.openai.com/v1/embeddings", json={"input": ["a"]}, timeout=(3, 30))
if answer.status_code == 429: raise RuntimeError(f"slow down: {answer.headers.get('retry-after')}")
vectors = [item["embedding"] for item in answer.json()["data"]]
---
import aiohttp
async def fetch(urls: list[str]) -> list[bytes]:
    timeout = aiohttp.ClientTimeout(total=30)
    connector = aiohttp.TCPConnector(limit=8)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        async def one(url: str) -> bytes:
            async with session.get(url) as response:
                response.raise_for_status()
                return await response.read()
        return [await one(url) for url in urls]
---
import functools, itertools, math, time
def retry(times: int = 3, wait_s: float = 0.5):
    def decorate(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            for attempt in itertools.count(1):
                try: return function(*args, **kwargs)
                except (OSError, TimeoutError):
                    if attempt >= times: raise
                    time.sleep(wait_s * math.pow(2, attempt))
        return inner
    return decorate
@retry(times=2)
def call(text): return text
---
import soundfile as sf
import numpy as np
import io
def wave(content: bytes) -> tuple[np.ndarray, int]:
    data, rate = sf.read(io.BytesIO(content), dtype="float32", always_2d=True)
    return data.mean(axis=1), rate
info = sf.info(io.BytesIO(b""))
---
from shared.plugins import open_asset, parallel_io, concurrent_api_calls, get_secret
import pandas as pd
class Reader:
    def __init__(self, config): self.key = get_secret("OPENAI_KEY")
    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        def one(url):
            with open_asset(url) as file: return file.read()
        batch["content"] = parallel_io(one, batch["data"].tolist(), max_workers=8)
        return batch
---
from enum import Enum, IntFlag, StrEnum, auto
class Mode(StrEnum):
    FAST = auto()
    GOOD = "good"
    @classmethod
    def _missing_(cls, value): return cls.FAST
    @property
    def steps(self) -> int: return {Mode.FAST: 1, Mode.GOOD: 4}[self]
mode = Mode(Mode.GOOD.value)
---
from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import contextmanager, suppress, closing
groups = defaultdict(list)
for word in "a b a".split(): groups[word].append(len(word))
window = deque(maxlen=5)
window.append(Counter(groups).most_common(1))
@contextmanager
def timed(name):
    started = 1
    try: yield started
    finally: print(name)
with timed("x") as began, suppress(KeyError): groups["x"]
---
import tempfile
from pathlib import Path
from shared.plugins import download_asset
def local(url: str) -> str:
    path = download_asset(url)
    suffix = Path(path).suffix.lower()
    return suffix if suffix in {".mp4", ".mov"} else Path(path).name
with tempfile.TemporaryDirectory() as folder:
    target = Path(folder) / "audio.wav"
    print(target.exists())
---
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
import numpy as np
labels = KMeans(n_clusters=3, n_init="auto", random_state=0).fit_predict(normalize(np.eye(5)))
---
class Registry:
    _items: dict = {}
    def __class_getitem__(cls, name): return cls._items[name]
    @classmethod
    def register(cls, name):
        def add(item):
            cls._items[name] = item
            return item
        return add
@Registry.register("upper")
class Upper:
    def __call__(self, text): return text.upper()
Registry["upper"]()("a")
---
import torch, torch.nn.functional as F
torch.manual_seed(0)
torch.set_num_threads(2)
torch.backends.cudnn.benchmark = True
with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
    x = F.normalize(torch.randn(2, 3), dim=-1)
compiled = torch.compile(torch.nn.Linear(3, 3), mode="reduce-overhead")
---
import datetime as dt
from zoneinfo import ZoneInfo
now = dt.datetime.now(dt.timezone.utc).isoformat()
local = dt.datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%d")
---
import numpy as np
matrix = np.load("centroids.npy", allow_pickle=False)
np.random.seed(0)
rng = np.random.default_rng(0)
scores = np.einsum("ij,kj->ik", matrix, matrix)
top = np.argpartition(-scores, 3, axis=1)[:, :3]
np.set_printoptions(precision=3)
cells = np.empty(2, dtype=object)
cells.fill("x")
---
def route(event):
    match event:
        case {"type": "image", "url": str(url)}: return ("image", url)
        case {"type": "text", "data": [first, *rest]} if first: return ("text", first, rest)
        case [x, y] | (x, y, _): return (x, y)
        case str() as text: return text
        case _: return None
"""
