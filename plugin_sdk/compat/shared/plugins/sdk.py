"""Assets, secrets and concurrency, under a path that plugins import them from."""

from plugin_sdk.assets import download_asset, open_asset
from plugin_sdk.concurrency import concurrent_api_calls, parallel_io
from plugin_sdk.secrets import get_secret

__all__ = ["concurrent_api_calls", "download_asset", "get_secret", "open_asset", "parallel_io"]
