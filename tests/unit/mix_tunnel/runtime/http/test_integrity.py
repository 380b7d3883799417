"""Subresource Integrity: which metadata checks what."""

from __future__ import annotations

import base64
import hashlib

import pytest

from mix_tunnel.runtime.http import integrity
from mix_tunnel.runtime.http.errors import BadIntegrity, IntegrityTooLarge
from mix_tunnel.runtime.http.integrity import IntegrityMetadata
from mix_tunnel.runtime.http.response import BytesReader

DATA = b"alert('Hello, world.');"
# The standard's own example.
SHA384 = "sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO"


def metadata_of(algorithm: str, data: bytes = DATA) -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


OTHER = b"something else"


@pytest.mark.parametrize(
    "text",
    [
        SHA384,
        metadata_of("sha256"),
        metadata_of("sha512"),
        metadata_of("sha256", OTHER) + " " + metadata_of("sha256"),
        metadata_of("sha256", OTHER) + "  " + metadata_of("sha384"),
        metadata_of("sha384", OTHER) + "\n" + metadata_of("sha512"),
        metadata_of("sha256") + "?ct=text/plain",
        metadata_of("sha256") + "?",
        metadata_of("sha256").rstrip("="),
        metadata_of("sha256").replace("+", "-").replace("/", "_"),
        "md5-abc unknown-xyz " + metadata_of("sha256"),
    ],
)
async def test_the_right_body(text):
    metadata = IntegrityMetadata(text)
    assert metadata
    assert await metadata.read_verified(BytesReader(DATA)) == DATA


@pytest.mark.parametrize(
    "text",
    [
        metadata_of("sha256", OTHER),
        metadata_of("sha256") + " " + metadata_of("sha384", OTHER),
        metadata_of("sha384") + " " + metadata_of("sha256") + " " + metadata_of("sha512", OTHER),
        "sha256-abc",
        "sha512-AAAA " + metadata_of("sha256"),
        "sha256-A",
    ],
)
async def test_another_body_or_only_a_weaker_hash_of_it(text):
    with pytest.raises(BadIntegrity):
        await IntegrityMetadata(text).read_verified(BytesReader(DATA))


@pytest.mark.parametrize(
    "text", ["", "  ", "sha1-abc", "md5-d41d8", "SHA256-abc", "sha256", "sha256-", "sha256 abc", "sha256-ab!c", "é"]
)
def test_metadata_without_a_hash_that_is_understood_checks_nothing(text):
    assert not IntegrityMetadata(text)


async def test_what_can_not_be_kept_is_refused(monkeypatch):
    monkeypatch.setattr(integrity, "MAX_CHECKED_BYTES", len(DATA) - 1)
    with pytest.raises(IntegrityTooLarge) as caught:
        await IntegrityMetadata(SHA384).read_verified(BytesReader(DATA))
    assert caught.value.fields == {"limit_bytes": len(DATA) - 1}
