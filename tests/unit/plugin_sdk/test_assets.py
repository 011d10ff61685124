"""Assets: read directly outside a host, through the host's source inside one."""

from pathlib import Path

import pytest

from plugin_sdk import assets
from plugin_sdk.assets import AssetUnavailable, download_asset, open_asset


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a picture.bin"
    path.write_bytes(b"content")
    return path


def test_path_and_file_url_are_read(file):
    with open_asset(str(file)) as plain, open_asset(file.as_uri()) as url:
        assert plain.read() == url.read() == b"content"


def test_download_keeps_the_ending_and_the_content(file):
    path = Path(download_asset(file.as_uri()))

    assert (path.suffix, path.read_bytes()) == (".bin", b"content")
    path.unlink()


def test_download_to_a_given_path(file, tmp_path):
    target = tmp_path / "copy"

    assert download_asset(str(file), target) == str(target)
    assert target.read_bytes() == b"content"


def test_host_source_answers_instead():
    before = assets.use_source(lambda url: url.encode())
    try:
        assert open_asset("s3://bucket/key").read() == b"s3://bucket/key"
    finally:
        assets.use_source(before)


@pytest.mark.parametrize("url", ["s3://bucket/key", "/nowhere/at/all"])
def test_unreadable_asset_is_named(url):
    with pytest.raises(AssetUnavailable, match=url):
        open_asset(url)
