"""Your logic. This start embeds WAV files without a model: how loud each band of pitch is, and how much it varies."""

import wave
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

import numpy as np
import pandas as pd
from shared.plugins.sdk import open_asset

from ..manifest import DIM

BANDS = DIM // 2
LOWEST_HZ = 50.0


@dataclass
class {{Class}}Config:
    window_s: float = 0.05


class {{Class}}Processor:
    def __init__(self, config: {{Class}}Config, progress_actor: Any = None) -> None:
        self.config = config

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Process a batch; the framework chooses its size."""
        rows = [describe(url, self.config) for url in batch["audio"]]
        batch["{{name}}_embedding"] = [row["embedding"] for row in rows]
        for field in ("duration_s", "sample_rate", "loudness_db", "pitch_hz"):
            batch[field] = [row[field] for row in rows]
        return batch


def describe(url: Optional[str], config: {{Class}}Config) -> Dict[str, Any]:
    """The output fields of one recording; batch and realtime share it."""
    if not url:
        raise ValueError("'audio' is empty: give the URL of a WAV file")
    with open_asset(url) as file:
        sound, rate = read_wav(file)
    power = spectrum(sound, rate, config.window_s)
    bands = band_loudness(power, rate)
    vector = np.concatenate([bands.mean(axis=0), bands.std(axis=0)])
    length = float(np.linalg.norm(vector))
    return {
        "embedding": (vector / length if length else vector).tolist(),
        "duration_s": len(sound) / rate,
        "sample_rate": rate,
        "loudness_db": float(20 * np.log10(max(1e-6, np.sqrt(np.mean(sound**2))))) if len(sound) else -120.0,
        "pitch_hz": float(power.mean(axis=0).argmax() * rate / (2 * (power.shape[1] - 1))),
    }


def read_wav(file: Any) -> Tuple[np.ndarray, int]:
    """One channel, float in [-1, 1] [samples], and samples per second."""
    with wave.open(file) as recording:
        width, channels, rate = recording.getsampwidth(), recording.getnchannels(), recording.getframerate()
        raw = np.frombuffer(recording.readframes(recording.getnframes()), np.uint8)
    samples = raw[: len(raw) // (width * channels) * width * channels].reshape(-1, width)
    if width == 1:
        values = samples[:, 0].astype(np.int64) - 128
    else:
        places = 256 ** np.arange(width, dtype=np.int64)
        values = (samples * places).sum(axis=1)
        values -= (values >= 256**width // 2) * 256**width
    return values.reshape(-1, channels).mean(axis=1) / (256**width / 2), rate


def spectrum(sound: np.ndarray, rate: int, window_s: float) -> np.ndarray:
    """Power per window and frequency, [windows, frequencies]; the last piece is filled up with silence."""
    size = max(16, int(rate * window_s))
    count = max(1, -(-len(sound) // size))
    pieces = np.zeros(count * size)
    pieces[: len(sound)] = sound
    return np.abs(np.fft.rfft(pieces.reshape(count, size) * np.hanning(size), axis=1)) ** 2


def band_loudness(power: np.ndarray, rate: int) -> np.ndarray:
    """Decibels above silence per window and band, [windows, 32]; bands of equal width on a logarithmic scale."""
    hz = np.linspace(0, rate / 2, power.shape[1])
    edges = np.geomspace(LOWEST_HZ, max(rate / 2, LOWEST_HZ * 2), BANDS + 1)
    member = (hz[:, None] >= edges[:-1]) & (hz[:, None] < edges[1:])
    return 10 * np.log10(1 + 1e4 * (power @ member))
