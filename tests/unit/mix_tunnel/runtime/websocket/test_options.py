import ssl

import pytest

from mix_tunnel.runtime.websocket.errors import InvalidWebSocketOption
from mix_tunnel.runtime.websocket.options import Compression, WebSocketOptions


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subprotocols", "chat"),
        ("subprotocols", ["a b"]),
        ("subprotocols", ["a", "a"]),
        ("subprotocols", [7]),
        ("headers", [("X", "a\r\nY: b")]),
        ("headers", [("X Y", "a")]),
        ("headers", [("Sec-WebSocket-Key", "a")]),
        ("headers", [("upgrade", "h2c")]),
        ("headers", [("X", None)]),
        ("headers", "ab"),
        ("headers", 7),
        ("origin", "a\nb"),
        ("user_agent", 7),
        ("compression", "deflate"),
        ("extensions", ["x"]),
        ("max_message_bytes", 0),
        ("max_message_bytes", True),
        ("max_message_bytes", 1.5),
        ("max_fragment_bytes", -1),
        ("queue_bytes", None),
        ("queue_frames", 0),
        ("write_limit_bytes", 0),
        ("open_timeout_s", 0),
        ("ping_interval_s", "20"),
        ("ping_timeout_s", float("inf")),
        ("close_timeout_s", float("nan")),
        ("ssl_context", True),
        ("ssl_context", unverified()),
    ],
)
def test_every_option_is_checked_by_name(name, value):
    with pytest.raises(InvalidWebSocketOption, match=f"^{name} must be ") as caught:
        WebSocketOptions(**{name: value})
    assert caught.value.fields["option"] == name


@pytest.mark.parametrize(
    ("name", "value"),
    [("server_max_window_bits", 7), ("client_max_window_bits", 8), ("client_no_context_takeover", 1)],
)
def test_every_parameter_of_compression_is_checked(name, value):
    with pytest.raises(InvalidWebSocketOption, match=name):
        Compression(**{name: value})


def test_defaults_and_a_verifying_context_are_valid():
    options = WebSocketOptions(ssl_context=ssl.create_default_context())
    assert [factory.name for factory in options.extension_factories()] == ["permessage-deflate"]
    assert WebSocketOptions(compression=None).extension_factories() == []
