"""The extractor request survives msgpack and shows the owner's attributes."""

import msgpack

from plugin_sdk.extractor_request import ExtractorRequest


def test_request_crosses_msgpack_unchanged():
    request = ExtractorRequest.of("my_extractor", "1.0.0", {"threshold": 0.7}, {"text": "body"})

    wire = msgpack.packb(request.to_dict())

    assert ExtractorRequest.from_dict(msgpack.unpackb(wire)) == request


def test_params_is_the_dict_of_the_extractor_config():
    request = ExtractorRequest.of("my_extractor", "1.0.0", {"threshold": 0.7})

    assert request.params is request.extractor_config.parameters
    assert request.extractor_config.feature_extractor_name == "my_extractor"
    assert request.extractor_config.version == "1.0.0"
    assert request.extractor_config.input_mappings == {}
