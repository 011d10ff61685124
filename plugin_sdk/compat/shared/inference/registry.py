"""Built-in services by name, under the path that plugins import it from."""

from plugin_sdk.services.registry import get_batch_service

__all__ = ["get_batch_service"]
