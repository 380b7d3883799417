"""Stored identities: whatever the bytes are, they open to what was sealed or to a typed error."""

from __future__ import annotations

import contextlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mix_protocol.crypto.native import NativeCrypto
from mix_tunnel.runtime import identity_record
from mix_tunnel.runtime.client_keys import ClientKeys
from mix_tunnel.runtime.identity_record import (
    MAX_IDENTITIES,
    IdentitySeal,
    UnreadableIdentity,
    join_records,
    open_record,
    split_records,
)

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
    opened = open_record(CRYPTO, passphrase, record)
    assert opened is not None
    assert opened[1] == plaintext
    seal = opened[0]
    again = seal.close(CRYPTO, os.urandom, plaintext)
    assert again[16:32] == record[16:32]  # the salt, and so the key, stays
    assert again[32:44] != record[32:44]  # the nonce does not
    assert open_record(CRYPTO, passphrase, again) == (seal, plaintext)
    assert repr(seal.key) not in repr(seal)
    assert open_record(CRYPTO, passphrase + "x", record) is None
    assert len(plaintext) < 8 or plaintext not in record[44:]  # a few bytes may be there by chance
    assert sealed(passphrase, plaintext)[16:32] != record[16:32]


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
        with contextlib.suppress(UnreadableIdentity):
            assert open_record(CRYPTO, "passphrase", with_checksum(bytes(changed))) is None


@pytest.mark.parametrize(("passes", "memory"), [(0, 8), (17, 8), (1, 0), (1, 7), (1, 262_145), (2**32 - 1, 2**32 - 1)])
def test_a_record_cannot_cost_what_it_likes(passes: int, memory: int):
    record = bytearray(sealed("passphrase", b"keys"))
    record[8:16] = passes.to_bytes(4) + memory.to_bytes(4)
    with pytest.raises(UnreadableIdentity):
        open_record(CRYPTO, "passphrase", with_checksum(bytes(record)))


@given(st.lists(st.binary(max_size=300), max_size=MAX_IDENTITIES + 2), st.integers(0, 700))
def test_records_are_stored_one_behind_the_other(records: list[bytes], cut: int):
    stored = join_records(records)
    assert split_records(stored) == records[:MAX_IDENTITIES]
    whole = split_records(stored[:cut])
    assert whole == records[: len(whole)]


@given(st.binary(max_size=400))
def test_any_bytes_split_into_few(data: bytes):
    assert len(split_records(data)) <= MAX_IDENTITIES


@given(st.binary(max_size=400))
def test_keys_decode_or_not(data: bytes):
    keys = ClientKeys.decode(data)
    if keys is not None:
        assert ClientKeys.decode(keys.encode()) == keys
