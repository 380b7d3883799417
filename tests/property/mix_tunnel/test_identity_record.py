"""Stored identities: whatever the bytes are, they open to what was sealed or to a typed error."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import MixError
from mix_tunnel.runtime import identity_record
from mix_tunnel.runtime.client_keys import ClientKeys
from mix_tunnel.runtime.identity_record import IdentitySeal, UnreadableIdentity, WrongPassphrase, open_record

CRYPTO = NativeCrypto()


@pytest.fixture(autouse=True, scope="module")
def cheap():
    """The least that Argon2id may cost."""
    monkeypatch = pytest.MonkeyPatch()
    defaults = IdentitySeal.derive.__func__.__defaults__
    monkeypatch.setattr(IdentitySeal.derive.__func__, "__defaults__", (1, 8))
    yield
    monkeypatch.undo()
    assert IdentitySeal.derive.__func__.__defaults__ == defaults == (identity_record.PASSES, identity_record.MEMORY_KIB)


def sealed(passphrase: str, plaintext: bytes) -> bytes:
    return IdentitySeal.new(CRYPTO, os.urandom, passphrase).close(CRYPTO, os.urandom, plaintext)


def with_checksum(record: bytes) -> bytes:
    return record[:-16] + CRYPTO.blake3(record[:-16])[:16]


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(deadline=None, max_examples=50)
@given(text, st.binary(min_size=1, max_size=500))
def test_what_was_sealed_opens_with_its_passphrase_alone(passphrase: str, plaintext: bytes):
    record = sealed(passphrase, plaintext)
    seal, opened = open_record(CRYPTO, passphrase, record)
    assert opened == plaintext
    assert open_record(CRYPTO, passphrase, seal.close(CRYPTO, os.urandom, b"more"))[1] == b"more"
    assert repr(seal.key) not in repr(seal)
    with pytest.raises(WrongPassphrase):
        open_record(CRYPTO, passphrase + "x", record)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes):
    with pytest.raises(UnreadableIdentity):
        open_record(CRYPTO, "passphrase", data)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_change_is_noticed_even_with_the_right_checksum(data: st.DataObject):
    record = sealed("passphrase", b"keys" * 20)
    at = data.draw(st.integers(0, len(record) - 17))
    changed = bytearray(record)
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UnreadableIdentity):
        open_record(CRYPTO, "passphrase", bytes(changed))
    passes, memory = int.from_bytes(changed[8:12]), int.from_bytes(changed[12:16])
    if passes <= 4 and memory <= 4096:  # what costs more takes long, and is bounded by the test below
        with pytest.raises(MixError):
            open_record(CRYPTO, "passphrase", with_checksum(bytes(changed)))


@pytest.mark.parametrize(("passes", "memory"), [(0, 8), (17, 8), (1, 0), (1, 7), (1, 262_145), (2**32 - 1, 2**32 - 1)])
def test_a_record_cannot_cost_what_it_likes(passes: int, memory: int):
    record = bytearray(sealed("passphrase", b"keys"))
    record[8:16] = passes.to_bytes(4) + memory.to_bytes(4)
    with pytest.raises(UnreadableIdentity):
        open_record(CRYPTO, "passphrase", with_checksum(bytes(record)))


@given(st.binary(max_size=400))
def test_keys_decode_or_not(data: bytes):
    keys = ClientKeys.decode(data)
    if keys is not None:
        assert ClientKeys.decode(keys.encode()) == keys
