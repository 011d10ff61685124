from plugin_sdk import ResourceType, StepDefinition

from .steps import Decode, Encode


def build_steps(extractor_request, **kwargs):
    config = extractor_request.extractor_config.parameters
    gpu = ResourceType.GPU if config["device"] == "cuda" else ResourceType.CPU
    size = config["batch"]
    return {
        "steps": [
            StepDefinition(Decode, config=config, batch_size=size),
            StepDefinition(Encode, gpu, config=config, batch_size=size),
        ]
    }
