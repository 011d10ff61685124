"""Whole modules of honest plugins, one per library or task; none of them may be refused.

Libraries outside the published list draw the warning for an unknown import and no other remark.
"""

MODULES = r"""
import os
import logging
from dataclasses import dataclass, field
from typing import Any, ClassVar
import numpy as np
import pandas as pd
from shared.plugins import open_asset
logger = logging.getLogger(__name__)
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

@dataclass
class WhisperConfig:
    model_size: str = "base"
    language: str | None = None
    beam_size: int = 5
    extra: dict[str, Any] = field(default_factory=dict)

class WhisperProcessor:
    _instance: ClassVar["WhisperProcessor | None"] = None
    def __init__(self, config: WhisperConfig, progress_actor=None):
        self.config = config
        self.progress = progress_actor
        self._model = None
    @property
    def model(self):
        if self._model is None:
            import whisper
            self._model = whisper.load_model(self.config.model_size, device="cpu", download_root=os.environ.get("HF_HOME"))
        return self._model
    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        texts = []
        for row in batch.itertuples(index=False):
            with open_asset(row.data) as f:
                audio = np.frombuffer(f.read(), np.int16).flatten().astype(np.float32) / 32768.0
            result = self.model.transcribe(audio, language=self.config.language, beam_size=self.config.beam_size, fp16=False)
            texts.append(" ".join(s["text"].strip() for s in result["segments"]))
        batch["transcript"] = texts
        if self.progress is not None:
            self.progress.report(len(batch))
        return batch
---
from faster_whisper import WhisperModel
class T:
    def __init__(self, config):
        self.m = WhisperModel("small", device="cuda", compute_type="int8_float16", cpu_threads=4, num_workers=1)
    def __call__(self, batch):
        for p in batch["data"]:
            segments, info = self.m.transcribe(p, vad_filter=True, vad_parameters=dict(min_silence_duration_ms=500), word_timestamps=True)
            logging_info = f"{info.language} {info.language_probability:.2f}"
            words = [w.word for s in segments for w in s.words]
        return batch
---
import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor
from io import BytesIO
import requests

class ClipEmbedder:
    MODEL = "openai/clip-vit-base-patch32"
    def __init__(self, config, progress_actor=None):
        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.model = CLIPModel.from_pretrained(self.MODEL).to(self.device).eval()
        self.processor = CLIPProcessor.from_pretrained(self.MODEL)
    def _fetch(self, url):
        with requests.get(url, stream=True, timeout=30) as r:
            r.raise_for_status()
            return Image.open(BytesIO(r.content)).convert("RGB")
    @torch.no_grad()
    def __call__(self, batch):
        images = [self._fetch(u) for u in batch["image_url"]]
        inputs = self.processor(images=images, return_tensors="pt", padding=True)
        inputs = {k: v.to(self.device) for k, v in inputs.items()}
        with torch.autocast(device_type=self.device.type, dtype=torch.float16, enabled=self.device.type == "cuda"):
            feats = self.model.get_image_features(**inputs)
        feats = feats / feats.norm(p=2, dim=-1, keepdim=True)
        batch["clip"] = feats.float().cpu().numpy().tolist()
        torch.cuda.empty_cache()
        return batch
---
import cv2
import numpy as np
import onnxruntime as ort
from pathlib import Path
HERE = Path(__file__).parent
class Yolo:
    def __init__(self, config=None):
        so = ort.SessionOptions()
        so.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        so.intra_op_num_threads = 2
        so.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [("CUDAExecutionProvider", {"device_id": 0}), "CPUExecutionProvider"]
        self.session = ort.InferenceSession(str(HERE / "models" / "yolov8n.onnx"), sess_options=so, providers=providers)
        self.input_name = self.session.get_inputs()[0].name
        self.names = [o.name for o in self.session.get_outputs()]
    def letterbox(self, img, new_shape=(640, 640), color=(114, 114, 114)):
        h, w = img.shape[:2]
        r = min(new_shape[0] / h, new_shape[1] / w)
        nh, nw = int(round(h * r)), int(round(w * r))
        img = cv2.resize(img, (nw, nh), interpolation=cv2.INTER_LINEAR)
        return cv2.copyMakeBorder(img, 0, new_shape[0] - nh, 0, new_shape[1] - nw, cv2.BORDER_CONSTANT, value=color)
    def __call__(self, batch):
        out = []
        for data in batch["bytes"]:
            img = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            x = self.letterbox(img)[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
            (pred,) = self.session.run(self.names, {self.input_name: np.ascontiguousarray(x)})
            boxes, scores = pred[0][:4].T, pred[0][4:].max(0)
            keep = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), 0.25, 0.45)
            out.append([{"box": boxes[i].tolist(), "score": float(scores[i])} for i in np.array(keep).flatten()])
        batch["detections"] = out
        return batch
---
from ultralytics import YOLO
m = YOLO("yolov8n.pt")
r = m.predict(source=[], conf=0.25, verbose=False)
names = [m.names[int(c)] for c in r[0].boxes.cls]
---
import pytesseract
from PIL import Image, ImageFilter
def ocr(img: Image.Image, lang: str = "eng") -> str:
    img = img.convert("L").filter(ImageFilter.MedianFilter(3)).point(lambda p: 255 if p > 128 else 0)
    data = pytesseract.image_to_data(img, lang=lang, config="--psm 6", output_type=pytesseract.Output.DICT)
    return " ".join(w for w, c in zip(data["text"], data["conf"]) if float(c) > 60)
---
import easyocr
reader = easyocr.Reader(["en"], gpu=False, download_enabled=False)
text = [t for _, t, c in reader.readtext(b"") if c > 0.5]
---
from io import BytesIO
from pypdf import PdfReader
from pypdf.errors import PdfReadError
def pages(data: bytes):
    try:
        reader = PdfReader(BytesIO(data), strict=False)
        if reader.is_encrypted:
            reader.decrypt("")
        meta = reader.metadata or {}
        for n, page in enumerate(reader.pages, 1):
            yield n, page.extract_text() or "", meta.get("/Title")
    except PdfReadError as exc:
        raise ValueError("bad pdf") from exc
---
import fitz
def render(data):
    doc = fitz.open(stream=data, filetype="pdf")
    for page in doc:
        pix = page.get_pixmap(dpi=150)
        yield pix.tobytes("png"), page.get_text("blocks")
    doc.close()
---
import pdfplumber, io
def tables(data):
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        return [t for p in pdf.pages for t in p.extract_tables()]
---
import spacy
from spacy.tokens import Doc, Span
from spacy.matcher import Matcher
nlp = spacy.load("en_core_web_sm", disable=["parser"])
nlp.add_pipe("sentencizer")
Span.set_extension("is_person", getter=lambda s: s.label_ == "PERSON", force=True)
matcher = Matcher(nlp.vocab)
matcher.add("X", [[{"LOWER": "hello"}, {"IS_PUNCT": True}]])
def ents(texts):
    for doc in nlp.pipe(texts, batch_size=32):
        yield [(e.text, e.label_, e._.is_person) for e in doc.ents]
---
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split, GridSearchCV
from sklearn.metrics.pairwise import cosine_similarity
pipe = Pipeline([("tfidf", TfidfVectorizer(max_features=5000, ngram_range=(1, 2))), ("clf", LogisticRegression(max_iter=200))])
pipe.fit(["a", "b"], [0, 1])
p = pipe.predict_proba(["a"])
k = KMeans(n_clusters=3, n_init="auto", random_state=0).fit_predict(np.eye(3))
m = make_pipeline(StandardScaler(), PCA(n_components=2)).fit_transform(np.eye(3))
---
import time
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry
from urllib.parse import urlencode, urljoin, quote
class Client:
    def __init__(self, base, token):
        self._session = requests.Session()
        retry = Retry(total=5, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=frozenset({"GET", "POST"}), raise_on_status=False)
        self._session.mount("https://", HTTPAdapter(max_retries=retry, pool_connections=8, pool_maxsize=8))
        self._session.headers.update({"Authorization": f"Bearer {token}", "User-Agent": "plugin/1.0"})
        self.base = base
    def post(self, path, **payload):
        for attempt in range(3):
            try:
                r = self._session.post(urljoin(self.base, path), json=payload, timeout=(3.05, 30))
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(2**attempt)
                continue
            if r.status_code == 429:
                time.sleep(float(r.headers.get("Retry-After", 1)))
                continue
            r.raise_for_status()
            return r.json()
        raise RuntimeError(f"{path}: no answer")
    def __enter__(self):
        return self
    def __exit__(self, exc_type, exc, tb):
        self._session.close()
---
import asyncio
import httpx
import pandas as pd
class Enricher:
    def __init__(self, config):
        self.sem = asyncio.Semaphore(config.concurrency)
        self.url = config.url
    async def _one(self, client: httpx.AsyncClient, text: str) -> dict:
        async with self.sem:
            for attempt in range(4):
                try:
                    r = await client.post(self.url, json={"input": text}, headers={"X-Request-Id": "a"})
                    r.raise_for_status()
                    return r.json()["data"][0]
                except httpx.HTTPStatusError as e:
                    if e.response.status_code < 500:
                        raise
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.5 * 2**attempt)
            return {}
    async def _all(self, texts):
        limits = httpx.Limits(max_keepalive_connections=5, max_connections=10)
        async with httpx.AsyncClient(timeout=30, limits=limits, http2=False, transport=httpx.AsyncHTTPTransport(retries=2)) as client:
            return await asyncio.gather(*(self._one(client, t) for t in texts), return_exceptions=True)
    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        results = asyncio.run(self._all(batch["text"].astype(str).tolist()))
        batch["score"] = [r.get("score", float("nan")) if isinstance(r, dict) else None for r in results]
        return batch
---
import aiohttp, asyncio, json
async def call(urls, headers=None):
    timeout = aiohttp.ClientTimeout(total=60, sock_connect=5)
    conn = aiohttp.TCPConnector(limit=10, ttl_dns_cache=300)
    async with aiohttp.ClientSession(timeout=timeout, connector=conn, trust_env=True, raise_for_status=True) as s:
        async with s.post(urls[0], json={}, headers=headers) as r:
            async for line in r.content:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
---
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential, before_sleep_log, RetryError
import logging, requests
log = logging.getLogger("x")
@retry(stop=stop_after_attempt(5), wait=wait_exponential(multiplier=1, min=1, max=30), retry=retry_if_exception_type(requests.RequestException), before_sleep=before_sleep_log(log, logging.WARNING), reraise=True)
def get(url):
    return requests.get(url, timeout=10).json()
---
from tqdm import tqdm
from tqdm.auto import tqdm as auto
for x in tqdm(range(3), desc="rows", total=3, leave=False, disable=None):
    pass
with auto(total=10) as bar:
    bar.update(1)
    bar.set_postfix(loss=0.1)
tqdm.pandas()
---
import sys
from loguru import logger
logger.remove()
logger.add(sys.stderr, level="INFO", format="{time:HH:mm:ss} | {level} | {message}")
logger.bind(plugin="x").info("loaded {} rows in {:.2f}s", 3, 1.2)
@logger.catch(reraise=True)
def f(): return 1
---
from enum import Enum, StrEnum, auto
from functools import lru_cache, singledispatch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field, field_validator, model_validator
from typing import Annotated, Literal, Self
class Mode(StrEnum):
    FAST = auto()
    EXACT = auto()
class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    mode: Mode = Mode.FAST
    lang: Literal["en", "de"] = "en"
    top_k: Annotated[int, Field(ge=1, le=100)] = 10
    threshold: float = Field(default=0.5, ge=0, le=1, description="cut")
    tags: list[str] = Field(default_factory=list, max_length=10)
    @field_validator("tags", mode="before")
    @classmethod
    def split(cls, value):
        return value.split(",") if isinstance(value, str) else value
    @model_validator(mode="after")
    def check(self) -> Self:
        if self.mode is Mode.EXACT and self.top_k > 50:
            raise ValueError("top_k must be <= 50")
        return self
    @computed_field
    @property
    def label(self) -> str:
        return f"{self.mode.value}-{self.top_k}"
try:
    p = Params.model_validate({"mode": "fast"})
    print(p.model_dump(mode="json", exclude_none=True), Params.model_json_schema()["properties"].keys(), p.model_copy(update={"top_k": 3}))
except ValidationError as e:
    print(e.errors(include_url=False), e.json())
---
import ffmpeg
import numpy as np
import tempfile, os
def load_audio(file: str, sr: int = 16000) -> np.ndarray:
    try:
        out, _ = (
            ffmpeg.input(file, threads=0)
            .output("-", format="s16le", acodec="pcm_s16le", ac=1, ar=sr)
            .run(cmd=["ffmpeg", "-nostdin"], capture_stdout=True, capture_stderr=True)
        )
    except ffmpeg.Error as e:
        raise RuntimeError(f"Failed to load audio: {e.stderr.decode()}") from e
    return np.frombuffer(out, np.int16).flatten().astype(np.float32) / 32768.0
---
import ffmpeg, tempfile, os, shutil
def thumbs(video, every=5):
    with tempfile.TemporaryDirectory() as tmp:
        ffmpeg.input(video, ss=1).filter("fps", fps=f"1/{every}").filter("scale", 320, -1).output(os.path.join(tmp, "%04d.jpg"), **{"q:v": 3}).overwrite_output().run(quiet=True)
        names = sorted(os.listdir(tmp))
        info = ffmpeg.probe(video, select_streams="v:0")
        w = next((s["width"] for s in info["streams"] if s["codec_type"] == "video"), None)
        return names, w
def audio(video, out):
    stream = ffmpeg.input(video)
    a = stream.audio.filter("loudnorm")
    ffmpeg.output(a, out, acodec="libmp3lame", audio_bitrate="64k").run(overwrite_output=True)
---
import librosa, numpy as np, soundfile as sf, io
def features(b: bytes):
    y, sr = sf.read(io.BytesIO(b), dtype="float32")
    if y.ndim > 1: y = librosa.to_mono(y.T)
    y = librosa.resample(y, orig_sr=sr, target_sr=22050)
    tempo, beats = librosa.beat.beat_track(y=y, sr=22050)
    mfcc = librosa.feature.mfcc(y=y, sr=22050, n_mfcc=20)
    return np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1), np.atleast_1d(tempo), librosa.feature.chroma_stft(y=y, sr=22050).mean(1), librosa.feature.spectral_centroid(y=y)[0][:1]])
---
import cv2, numpy as np
def keyframes(path, threshold=30.0):
    cap = cv2.VideoCapture(path)
    if not cap.isOpened(): raise IOError(f"cannot open {path}")
    fps = cap.get(cv2.CAP_PROP_FPS) or 25
    prev = None
    while cap.grab():
        ok, frame = cap.retrieve()
        hsv = cv2.cvtColor(frame, cv2.COLOR_BGR2HSV)
        hist = cv2.calcHist([hsv], [0, 1], None, [50, 60], [0, 180, 0, 256])
        cv2.normalize(hist, hist)
        if prev is None or cv2.compareHist(prev, hist, cv2.HISTCMP_CORREL) < 0.7:
            ok, buf = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])
            yield cap.get(cv2.CAP_PROP_POS_MSEC) / 1000, buf.tobytes()
        prev = hist
    cap.release()
cv2.setNumThreads(1)
face = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
---
from moviepy import VideoFileClip
def scenes(path):
    with VideoFileClip(path, audio=False) as clip:
        for t in range(0, int(clip.duration), 5):
            yield clip.get_frame(t)
        clip.subclipped(0, 1).write_videofile("o.mp4", codec="libx264", logger=None)
---
from sentence_transformers import CrossEncoder, SentenceTransformer, util
import torch
class E:
    def __init__(self, c, progress_actor=None):
        self.m = SentenceTransformer("all-MiniLM-L6-v2", device="cpu", cache_folder=None)
        self.r = CrossEncoder("cross-encoder/ms-marco-MiniLM-L-6-v2", max_length=512)
        self.m.max_seq_length = 256
    def __call__(self, df):
        e = self.m.encode(df["text"].fillna("").tolist(), batch_size=64, show_progress_bar=False, convert_to_tensor=True, normalize_embeddings=True)
        s = util.cos_sim(e, e).fill_diagonal_(0)
        df["nn"] = torch.topk(s, k=1).indices.squeeze(-1).tolist()
        df["rank"] = self.r.predict([(a, a) for a in df["text"]]).tolist()
        df["e"] = [v.tolist() for v in e.cpu()]
        return df
---
from langchain_text_splitters import RecursiveCharacterTextSplitter, MarkdownHeaderTextSplitter
from langchain_core.documents import Document
sp = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=100, separators=["\n\n", "\n", " ", ""], length_function=len)
docs = [Document(page_content=t, metadata={"i": i}) for i, t in enumerate(sp.split_text("a"))]
---
import tiktoken
enc = tiktoken.get_encoding("cl100k_base")
def chunk(text, n=512, overlap=64):
    ids = enc.encode(text, disallowed_special=())
    step = n - overlap
    return [enc.decode(ids[i:i + n]) for i in range(0, max(len(ids) - overlap, 1), step)]
---
import boto3
from botocore.config import Config
s3 = boto3.client("s3", config=Config(retries={"max_attempts": 3}))
body = s3.get_object(Bucket="b", Key="k")["Body"].read()
---
from openai import OpenAI, APIError, RateLimitError
from shared.plugins import get_secret, concurrent_api_calls
class L:
    def __init__(self, c):
        self.client = OpenAI(api_key=get_secret("OPENAI_API_KEY"), timeout=30, max_retries=2)
    def ask(self, t):
        r = self.client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": t}], response_format={"type": "json_object"}, temperature=0)
        return r.choices[0].message.content
    def __call__(self, df):
        df["a"] = concurrent_api_calls(self.ask, df["text"].tolist(), max_workers=8)
        return df
---
from concurrent.futures import ThreadPoolExecutor, as_completed
import time, random, itertools, collections
def batched(it, n):
    it = iter(it)
    while chunk := list(itertools.islice(it, n)):
        yield chunk
def run(fn, items):
    out = [None] * len(items)
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="p") as ex:
        futs = {ex.submit(fn, x): i for i, x in enumerate(items)}
        for f in as_completed(futs):
            out[futs[f]] = f.result()
    return out
---
import sqlite3, tempfile, json, contextlib
from pathlib import Path
class Cache:
    def __init__(self):
        self._dir = tempfile.TemporaryDirectory()
        self.db = sqlite3.connect(Path(self._dir.name) / "c.db", check_same_thread=False, timeout=5)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("create table if not exists c (k text primary key, v text)")
    def get(self, k):
        with contextlib.closing(self.db.execute("select v from c where k = ?", (k,))) as cur:
            row = cur.fetchone()
            return json.loads(row["v"]) if row else None
    def put(self, k, v):
        with self.db:
            self.db.execute("insert or replace into c values (?, ?)", (k, json.dumps(v)))
---
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
import torchvision.transforms.v2 as T
from torchvision.models import resnet50, ResNet50_Weights
import timm
class DS(Dataset):
    def __init__(self, xs): self.xs = xs
    def __len__(self): return len(self.xs)
    def __getitem__(self, i): return self.xs[i]
tf = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToDtype(torch.float32, scale=True), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
m = resnet50(weights=ResNet50_Weights.DEFAULT).eval()
m.fc = nn.Identity()
b = timm.create_model("vit_base_patch16_224", pretrained=True, num_classes=0)
feats = {}
def hook(module, inp, out): feats["x"] = out.detach()
m.layer4.register_forward_hook(hook)
for batch in DataLoader(DS([1]), batch_size=8, shuffle=False, num_workers=0, pin_memory=True):
    m(batch)
torch.set_grad_enabled(False)
torch.set_float32_matmul_precision("high")
torch.jit.trace(m, torch.zeros(1, 3, 224, 224))
m.load_state_dict(torch.load("weights.pt", map_location="cpu", weights_only=True), strict=False)
---
from transformers import pipeline, AutoModelForSequenceClassification, AutoTokenizer, BitsAndBytesConfig, GenerationConfig, set_seed
import transformers, torch
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
set_seed(42)
clf = pipeline("zero-shot-classification", model="facebook/bart-large-mnli", device=0 if torch.cuda.is_available() else -1, torch_dtype="auto")
r = clf(["a"], candidate_labels=["x", "y"], multi_label=True, hypothesis_template="This is {}.")
tok = AutoTokenizer.from_pretrained("x", use_fast=True, padding_side="left")
if tok.pad_token is None: tok.pad_token = tok.eos_token
mod = AutoModelForSequenceClassification.from_pretrained("x", low_cpu_mem_usage=True, device_map="auto", attn_implementation="sdpa", quantization_config=BitsAndBytesConfig(load_in_8bit=True))
out = mod.generate(**tok("a", return_tensors="pt").to(mod.device), max_new_tokens=64, do_sample=False)
text = tok.batch_decode(out[:, 3:], skip_special_tokens=True)
id2label = mod.config.id2label
---
import hashlib, base64, uuid, re, unicodedata, html, string, math, datetime as dt
from collections import Counter, defaultdict, deque, OrderedDict
from functools import reduce, lru_cache
STOP = frozenset("the a an".split())
@lru_cache(maxsize=None)
def norm(t):
    t = unicodedata.normalize("NFKD", html.unescape(t)).encode("ascii", "ignore").decode()
    return re.sub(r"\s+", " ", t.translate(str.maketrans("", "", string.punctuation))).strip().lower()
def key(t): return hashlib.sha256(t.encode("utf-8")).hexdigest()[:16]
def idf(docs):
    df = Counter(w for d in docs for w in set(d))
    return {w: math.log(len(docs) / (1 + c)) for w, c in df.most_common(10) if w not in STOP}
now = dt.datetime.now(dt.timezone.utc).isoformat()
uid = str(uuid.uuid5(uuid.NAMESPACE_URL, "x"))
b = base64.b64encode(b"x").decode("ascii")
---
import gc, sys, os, time, platform, warnings, traceback, logging
warnings.filterwarnings("ignore", category=UserWarning)
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
logging.getLogger("transformers").setLevel(logging.ERROR)
t = time.perf_counter()
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("x")
    traceback.print_exc()
    print(traceback.format_exc(), file=sys.stderr)
gc.collect()
print(os.cpu_count(), os.getpid(), platform.system(), sys.version_info >= (3, 11), os.environ["HOME"], os.getenv("X", "1"))
print(type(1).__name__, norm.__doc__, sys.getsizeof([]))
def norm(): "doc"
---
import polars as pl
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.compute as pc
from io import BytesIO
def f(b):
    df = pl.read_parquet(BytesIO(b)).lazy().filter(pl.col("a") > 1).with_columns((pl.col("a") * 2).alias("b"), pl.col("t").str.to_lowercase()).group_by("a").agg(pl.len()).collect()
    t = pq.read_table(BytesIO(b), columns=["a"])
    sink = pa.BufferOutputStream()
    pq.write_table(t, sink, compression="zstd")
    return df.to_pandas(), pc.sum(t["a"]).as_py(), sink.getvalue().to_pybytes()
---
import xml.etree.ElementTree as ET
import csv, io, json, zipfile, tarfile, gzip
from bs4 import BeautifulSoup
import markdown, yaml, lxml.html
def parse(data: bytes):
    root = ET.fromstring(data)
    rows = list(csv.DictReader(io.StringIO("a,b\n1,2"), delimiter=","))
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        names = [i.filename for i in z.infolist() if not i.is_dir()]
        text = z.read(names[0]).decode("utf-8", errors="replace")
        with z.open("word/document.xml") as f: x = ET.parse(f)
    g = gzip.decompress(data)
    soup = BeautifulSoup(text, "html.parser")
    for s in soup(["script", "style"]): s.decompose()
    conf = yaml.safe_load(text)
    return soup.get_text(" ", strip=True), [a["href"] for a in soup.find_all("a", href=True)], root.findall(".//x"), conf
---
import docx
from pptx import Presentation
import openpyxl
from io import BytesIO
def text(b):
    d = docx.Document(BytesIO(b))
    t = [p.text for p in d.paragraphs] + [c.text for tb in d.tables for r in tb.rows for c in r.cells]
    wb = openpyxl.load_workbook(BytesIO(b), read_only=True, data_only=True)
    for ws in wb.worksheets:
        for row in ws.iter_rows(values_only=True): t.append(str(row))
    for sl in Presentation(BytesIO(b)).slides:
        t += [sh.text_frame.text for sh in sl.shapes if sh.has_text_frame]
    return t
---
from abc import ABC, abstractmethod
from typing import Protocol, TypeVar, Generic, runtime_checkable, overload, NamedTuple, TypedDict, Callable, Iterator
from contextlib import contextmanager, suppress, ExitStack
import time
T = TypeVar("T", bound="Base")
class Registry(Generic[T]):
    _items: dict[str, type] = {}
    def __init_subclass__(cls, **kw): super().__init_subclass__(**kw); Registry._items[cls.__name__] = cls
    @classmethod
    def register(cls, name):
        def deco(c): cls._items[name] = c; return c
        return deco
    def __class_getitem__(cls, x): return cls
class Base(ABC):
    @abstractmethod
    def run(self, x): ...
    def __repr__(self): return f"{type(self).__name__}()"
    def __getattr__(self, name): raise AttributeError(name)
    def __eq__(self, o): return isinstance(o, type(self))
@contextmanager
def timed(name):
    t = time.monotonic()
    try: yield
    finally: print(name, time.monotonic() - t)
class P(NamedTuple):
    x: int
    y: int = 0
print(P(1)._asdict(), P(1)._replace(y=2), P._fields)
---
import numpy as np, faiss, scipy.sparse as sp, scipy.signal
from scipy.spatial.distance import cdist
from scipy import stats
ix = faiss.IndexFlatIP(384); ix.add(np.zeros((1, 384), "float32")); d, i = ix.search(np.zeros((1, 384), "float32"), 1)
s, p = stats.pearsonr([1, 2], [1, 3])
b, a = scipy.signal.butter(4, 0.1); y = scipy.signal.filtfilt(b, a, np.zeros(100))
m = np.load("data.npz", allow_pickle=False)
v = np.einsum("ij,kj->ik", np.eye(2), np.eye(2)); w = np.vectorize(lambda x: x + 1)(v)
np.random.default_rng(0).shuffle(v)
with np.errstate(divide="ignore", invalid="ignore"): q = v / 0
np.savez_compressed("x.npz", a=v)
---
import joblib
from pathlib import Path
model = joblib.dump({}, "x.joblib")
---
import lightgbm as lgb, xgboost as xgb
bst = lgb.Booster(model_file="m.txt"); y = bst.predict([[1]])
x = xgb.Booster(); x.load_model("m.json")
---
import nltk, langdetect, ftfy, rapidfuzz, Levenshtein
from rapidfuzz import fuzz, process
from nltk.tokenize import sent_tokenize
from langdetect import detect, DetectorFactory
DetectorFactory.seed = 0
x = sent_tokenize("a. b."), detect("hallo"), process.extractOne("a", ["a"], scorer=fuzz.WRatio), ftfy.fix_text("x")
---
from huggingface_hub import hf_hub_download, snapshot_download
import safetensors.torch
from safetensors import safe_open
p = hf_hub_download(repo_id="a/b", filename="model.safetensors", revision="main")
w = safetensors.torch.load_file(p)
with safe_open(p, framework="pt", device="cpu") as f:
    t = {k: f.get_tensor(k) for k in f.keys()}
---
from google.cloud import vision
import anthropic, cohere
c = anthropic.Anthropic(api_key="x"); m = c.messages.create(model="claude", max_tokens=10, messages=[{"role": "user", "content": "x"}]); t = m.content[0].text
---
import jinja2
T = jinja2.Template("Hello {{ name }}{% for x in xs %} {{ x }}{% endfor %}")
P = "Summarise: {text}\nIn {lang}.".format(text="a", lang="b")
print(T.render(name="x", xs=[1]), "%(a)s %(b)d" % {"a": 1, "b": 2}, f"{1.5:>10.2f} {'x'!r}")
---
from PIL import Image, ImageDraw, ImageFont, ImageOps, ExifTags, ImageStat, ImageEnhance
import imagehash, io, piexif
Image.MAX_IMAGE_PIXELS = 100_000_000
from PIL import ImageFile
ImageFile.LOAD_TRUNCATED_IMAGES = True
def f(b):
    im = Image.open(io.BytesIO(b)); im.load()
    exif = {ExifTags.TAGS.get(k, k): v for k, v in im.getexif().items()}
    fmt = im.format
    im = ImageOps.exif_transpose(im).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    buf = io.BytesIO(); im.save(buf, format="JPEG", quality=90, optimize=True)
    px = im.getpixel((0, 0)); d = ImageDraw.Draw(im); d.text((0, 0), "x", font=ImageFont.load_default())
    return str(imagehash.phash(im)), ImageStat.Stat(im).mean, im.quantize(5).getpalette(), im.tobytes(), buf.getvalue(), exif, fmt, px
---
import asyncio, functools
class H:
    def __init__(self): self._lock = asyncio.Lock(); self._q = asyncio.Queue(maxsize=10)
    async def worker(self):
        while True:
            item = await self._q.get()
            try: await asyncio.wait_for(self.handle(item), timeout=5)
            except asyncio.TimeoutError: pass
            finally: self._q.task_done()
    async def handle(self, x):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, functools.partial(sorted, x, reverse=True))
    async def main(self):
        async with asyncio.TaskGroup() as tg:
            ts = [tg.create_task(self.worker()) for _ in range(3)]
        await self._q.join()
        for t in ts: t.cancel()
        await asyncio.gather(*ts, return_exceptions=True)
        return await asyncio.to_thread(sum, [1])
---
from typing import Any, Dict
import logging
from shared.plugins.inference.serve import BaseInferenceService
class RealtimeHandler(BaseInferenceService):
    max_batch_size = 16
    def __init__(self):
        super().__init__()
        self._model = None
    def warmup(self): self.predict({"text": "x"})
    def predict(self, request: Dict[str, Any]) -> Dict[str, Any]:
        try: text = request["text"]
        except KeyError as exc: raise ValueError("text is required") from exc
        return {"embedding": [0.0], "label": str(text)}
    def predict_batch(self, requests): return [self.predict(r) for r in requests]
---
from engine.models.lazy import LazyModelMixin, lazy_model
from engine.models.loader import load_hf_model
from shared.models.loader import load_namespace_model
class P(LazyModelMixin):
    def __init__(self, c):
        self._w = None
    def load(self):
        w = load_namespace_model("my_model")
        self._w = w["state_dict"] if isinstance(w, dict) else w
---
import os
from pathlib import Path
import json, tomllib
ROOT = Path(__file__).resolve().parent
DATA = ROOT / "data" / "labels.json"
SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "x.txt")
exists = DATA.exists() and DATA.is_file() and DATA.stat().st_size > 0
files = sorted(p.name for p in ROOT.glob("*.json") if p.suffix == ".json")
ext = os.path.splitext("a.mp4")[1].lower()
---
import copy, operator, heapq, bisect, random, secrets, statistics, shutil, tempfile, os, textwrap, difflib
random.seed(0)
xs = sorted([{"a": 1}], key=operator.itemgetter("a"), reverse=True)
ys = heapq.nlargest(3, [1, 2], key=lambda v: -v)
z = copy.deepcopy(xs)
d = tempfile.mkdtemp(prefix="p_")
with tempfile.NamedTemporaryFile(suffix=".wav", delete=False) as f:
    f.write(b"x"); f.flush(); name = f.name
os.unlink(name); shutil.rmtree(d, ignore_errors=True)
fd, path = tempfile.mkstemp(suffix=".mp4"); os.close(fd)
---
import weakref
class Pool:
    __slots__ = ("_x", "__weakref__")
    def __init__(self): self._x = weakref.WeakValueDictionary(); weakref.finalize(self, print, "bye")
match {"type": "a", "v": [1, 2]}:
    case {"type": "a", "v": [x, *rest]}: print(x, rest)
    case str() | int(): pass
    case _: pass
---
import pandas as pd
def f(df: pd.DataFrame, cfg) -> pd.DataFrame:
    df = df.assign(n=lambda d: d["text"].str.split().str.len(), ts=pd.to_datetime(df["created"], errors="coerce", utc=True))
    df["year"] = df["ts"].dt.year
    df["lab"] = pd.cut(df["n"], bins=[0, 10, 100, float("inf")], labels=["s", "m", "l"]).astype(str)
    df = df.explode("chunks", ignore_index=True).rename(columns={"chunks": "chunk"}).reset_index(drop=True)
    df["hash"] = df["chunk"].map(hash).astype("int64")
    df[["a", "b"]] = df["x"].apply(pd.Series)
    df.columns = [c.lower() for c in df.columns]
    rec = df.to_dict(orient="records"); j = df.to_json(orient="records")
    g = df.groupby(["lab"], as_index=False).agg(total=("n", "sum"), m=("n", "mean")).query("total > 3 and lab != 's'")
    p = df.pivot_table(index="lab", values="n", aggfunc="mean"); w = df.rolling(3).mean(numeric_only=True)
    return pd.concat([df, g], axis=0).mask(df.isna(), None).where(pd.notnull(df), None)
---
import logging
class A:
    def __init__(self, config=None, progress_actor=None):
        self.logger = logging.getLogger(type(self).__name__)
        self.logger.info("config=%s", config)
        self.log = logging.getLogger(f"{__name__}.{type(self).__name__}")
        self.handlers = {"text": self._text, "image": self._image}
        h = logging.StreamHandler(); h.setFormatter(logging.Formatter("%(message)s")); self.logger.addHandler(h); self.logger.propagate = False
    def _text(self, r): return r
    def _image(self, r): return r
    def __call__(self, batch):
        batch["x"] = [self.handlers.get(m.split("/")[0], lambda r: None)(d) for m, d in zip(batch["mime_type"], batch["data"])]
        return batch
---
import numpy as np
class Scaler:
    def __init__(self, mean, std): self.__mean = np.asarray(mean); self.__std = np.asarray(std)
    def __call__(self, x): return (x - self.__mean) / self.__std
    @staticmethod
    def from_stats(s): return Scaler(s["mean"], s["std"])
    def __getstate__(self): return {"m": 1}
---
import os
import torch
NUM = int(os.environ.get("OMP_NUM_THREADS", "1"))
os.environ["OMP_NUM_THREADS"] = str(NUM)
os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
torch.set_num_threads(NUM)
torch.backends.cuda.matmul.allow_tf32 = True
scaler = torch.compile
---
import requests
API = "https://api.example.com/v1"
def up(f, name):
    r = requests.post(f"{API}/files", files={"file": (name, f, "audio/mpeg")}, data={"model": "w"}, auth=("u", "p"), allow_redirects=True, verify=True, proxies=None)
    if not r.ok: raise RuntimeError(r.text[:200])
    for line in r.iter_lines(decode_unicode=True): print(line)
    return r.json().get("text", ""), r.headers["content-type"], r.elapsed.total_seconds(), r.cookies
"""
