"""Assets and concurrency, under a path that plugins import them from."""

from plugin_sdk.assets import download_asset, open_asset
from plugin_sdk.concurrency import concurrent_api_calls, parallel_io

__all__ = ["concurrent_api_calls", "download_asset", "open_asset", "parallel_io"]
