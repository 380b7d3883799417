"""Whatever the gateway, the exit or a stranger sends: the engine raises nothing and stays usable."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.connected_engine import ROOM, ConnectedEngine

from mix_protocol.errors import MixError
from mix_protocol.messages.encryption import encrypt_to_recipient
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.nym_message import ReplyData, encode_message
from mix_tunnel.platform import GetAnswer
from mix_tunnel.runtime.directory import DirectoryClient

SUBJECT = ConnectedEngine()


def reply(message: bytes) -> None:
    """Let the exit send a message, or as much of it as there is room for in one fragment."""
    for fragment in split_message(SUBJECT.network.random, message)[:1]:
        SUBJECT.reply(fragment.encode())


def is_usable() -> bool:
    SUBJECT.engine.packets_to_send(SUBJECT.now)
    return SUBJECT.engine.is_connected


@given(st.binary(max_size=100) | st.binary(min_size=1643, max_size=1643) | st.binary(min_size=21, max_size=21))
def test_any_pushed_payload(payload: bytes):
    SUBJECT.engine.receive_pushed(payload, SUBJECT.now)
    assert is_usable()


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255))
def test_any_fragment_of_a_stranger(start: bytes, total: int, position: int):
    content = (bytes((0x80, 0, 0, 1, total, position)) + start).ljust(ROOM, b"\x01")
    mixnet = SUBJECT.engine.mixnet
    payload = encrypt_to_recipient(SUBJECT.network.crypto, SUBJECT.network.random, mixnet.own.encryption_key, content)
    SUBJECT.engine.receive_pushed(payload, SUBJECT.now)
    assert is_usable()


@given(st.binary(min_size=1, max_size=300))
@example(b"\x03\x00" + bytes(8) + b"\x01" + bytes(5) + b"\x09\x00\xfd" + b"\xff" * 8)
def test_any_reply_of_the_exit(data: bytes):
    reply(encode_message(ReplyData(data)))
    assert is_usable()


@given(st.binary(max_size=300), st.integers(8, 11))
def test_any_data_on_our_stream(bundle: bytes, version: int):
    stream_id = SUBJECT.engine._ipr._stream_id  # type: ignore[union-attr]
    header = b"\x03\x00" + stream_id.to_bytes(8, "big") + b"\x01" + bytes(5)
    length = bytes((len(bundle),)) if len(bundle) < 251 else b"\xfb" + len(bundle).to_bytes(2, "big")
    reply(encode_message(ReplyData(header + bytes((version, 0)) + length + bundle)))
    assert is_usable()


class Answers:
    """A platform whose directory always gives the same answer."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._answer = GetAnswer(200, {"content-type": content_type}, body)

    async def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> GetAnswer:
        return self._answer


@settings(max_examples=50)
@given(
    st.binary(max_size=100) | st.sampled_from([b"{}", b"[]", b"null", b'{"nodes":{}}', b"1e999", b'"\\ud800"']),
    st.sampled_from(["application/json", "application/bincode", "text/html"]),
)
def test_any_directory_answer_is_a_typed_error(body: bytes, content_type: str):
    client = DirectoryClient(Answers(body, content_type), "https://directory.example/api")  # type: ignore[arg-type]

    async def ask() -> None:
        for question in (client.fetch_snapshot(), client.fetch_exits()):
            try:
                await question
            except MixError:
                continue
            raise AssertionError("that was no directory")

    asyncio.run(ask())
