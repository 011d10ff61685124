"""What can go wrong with a model."""

from plugin_sdk.errors import PlatformError


class ModelUnavailable(PlatformError):
    """The model is not where plugins look for it, or its format can't be loaded."""

    code = "model_unavailable"
