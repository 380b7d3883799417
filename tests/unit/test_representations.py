"""What ends up in a log or a traceback by `repr`: no header, body, address, name or secret of anybody.

`mix_protocol` has a test of its own, for its bytes. Here are the values around requests, messages and options.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from types import ModuleType
from typing import Any

import pytest

import mix_dns
import mix_fetch
import mix_tunnel
import mix_websocket
from mix_fetch.headers import Headers
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.request import HttpRequest, prepare
from mix_tunnel.runtime.http.url import HttpUrl
from mix_tunnel.runtime.http.wire_response import ResponseHead
from mix_tunnel.runtime.sockets.udp import Datagram
from mix_tunnel.runtime.websocket.options import WebSocketOptions

TELLING = frozenset(
    {"authority", "body", "content", "cookies", "data", "fields", "headers", "host", "origin", "params", "passphrase"}
    | {"path", "payload", "pem", "private_key", "protocols", "question", "query", "secret", "seed"}
    | {"storage_passphrase", "subprotocols", "target", "text", "token", "url", "value", "wire"}
)
"""Names of fields that hold what others said, or whom they asked."""
MEANT = {
    ("DnsRecord", "text"),  # a caller's own answer, as it was asked for
    ("DnsRecord", "data"),
    ("DnsServer", "host"),  # an option
    ("DnsServer", "path"),
    ("Failure", "fields"),  # of errors, which hold no secrets by their own rule
    ("TunnelOptions", "cookies"),  # whether there are any
    ("Upload", "body"),
}


def modules(package: ModuleType) -> list[ModuleType]:
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    runnable = (
        "platform.browser",
        "worker.event_loop",
        "worker.main",
        "__main__",
    )  # they need a browser, or run at once
    return [importlib.import_module(name) for name in names if not name.endswith(runnable)]


def values() -> list[type]:
    found = {
        value
        for package in (mix_tunnel, mix_fetch, mix_dns, mix_websocket)
        for module in modules(package)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and dataclasses.is_dataclass(value)
    }
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


@pytest.mark.parametrize("kind", values(), ids=lambda kind: kind.__qualname__)
def test_no_telling_field_in_a_representation(kind: Any) -> None:
    shown = {(kind.__name__, part.name) for part in dataclasses.fields(kind) if part.repr and part.name in TELLING}
    assert shown <= MEANT


SECRET = "s3cret"
HEADERS = [("Set-Cookie", f"session={SECRET}"), ("Authorization", f"Bearer {SECRET}")]


def jar() -> CookieJar:
    made = CookieJar(lambda: 1e9)
    made.store(HttpUrl.parse("https://s3cret.test/s3cret"), [f"{SECRET}={SECRET}"])
    return made


@pytest.mark.parametrize(
    "value",
    [
        ResponseHead(200, f"OK {SECRET}", "1.1", HEADERS),
        HttpRequest("GET", f"https://{SECRET}.test/{SECRET}", [("Cookie", SECRET)], SECRET.encode()),
        prepare(HttpRequest("GET", f"https://{SECRET}.test/?{SECRET}#{SECRET}", [("Authorization", SECRET)])),
        HttpUrl.parse(f"https://{SECRET}.test/{SECRET}?{SECRET}#{SECRET}"),
        Headers(HEADERS),
        jar(),
        TunnelOptions(storage_passphrase=SECRET),
        WebSocketOptions(headers=HEADERS, subprotocols=(SECRET,)),
        Datagram(SECRET.encode(), SECRET, 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_was_said_is_not_shown(value: object) -> None:
    assert SECRET not in repr(value)
    assert SECRET not in repr([value])
