"""`MixWebSocket` in Chromium, through a local mixnet, to real servers: beside the browser's own where that can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser
from support.websocket_sites import Reading, websocket_sites

from .waiting import wait_until
from .websocket_page import websocket_page

if TYPE_CHECKING:
    from .conftest import Playground


@pytest.fixture(scope="module")
def reading() -> Reading:
    return Reading()


@pytest.fixture(scope="module")
def sites(reading: Reading) -> Iterator[dict[str, str]]:
    with websocket_sites(reading) as urls:
        yield urls


@pytest.fixture(scope="module")
def run(browser: Browser, playground: Playground, sites: dict[str, str]) -> Iterator[Any]:
    with websocket_page(browser, playground, sites) as run:
        yield run


def test_the_constructor_throws_what_the_browsers_throws(run: Any):
    got = run("""
      const origin = "ws://127.0.0.1:1/";
      const names = ["", " ", "a b", "a,b", "ü", "a/b", ["a", "a"], ["a", ""], [{}]];
      const wrong = [
        [], ["ws://"], ["ftp://a.test/"], ["mailto:a"], ["wss://a.test/#"], ["wss://a.test/#part"],
        ["ws://a.test:99999/"], ["ws://[::1/"],
        ...names.map((protocols) => [origin, protocols]),
      ];
      return wrong.map((given) => [WebSocket, MixWebSocket].map((Class) => thrown(() => new Class(...given))));
    """)
    assert len(got) == 17
    for number, (theirs, ours) in enumerate(got):
        assert theirs is not None, number
        assert ours == theirs, number


def test_it_has_everything_that_the_browsers_has(run: Any):
    got = run("""
      const socket = new MixWebSocket(sites.ws);
      const named = (name) => Object.getOwnPropertyDescriptor(WebSocket.prototype, name);
      const missing = Object.getOwnPropertyNames(WebSocket.prototype).filter((name) => !(name in socket));
      const constants = Object.keys(WebSocket).map((name) => [name, MixWebSocket[name] === WebSocket[name]
        && socket[name] === WebSocket[name] && Object.getOwnPropertyDescriptor(MixWebSocket, name).writable]);
      const readOnly = ["url", "readyState", "bufferedAmount", "extensions", "protocol"].map((name) =>
        Object.getOwnPropertyDescriptor(MixWebSocket.prototype, name).set === named(name).set);
      socket.binaryType = "nonsense";
      const state = { missing, constants, readOnly, isTarget: socket instanceof EventTarget, tag: String(socket),
        binaryType: socket.binaryType, readyState: socket.readyState, protocol: socket.protocol,
        extensions: socket.extensions, bufferedAmount: socket.bufferedAmount, onopen: socket.onopen };
      await socket.opened();
      await socket.close();
      return { ...state, same: socket.url === sites.ws };
    """)
    assert got == {
        "missing": [],
        "constants": [[name, False] for name in ("CONNECTING", "OPEN", "CLOSING", "CLOSED")],
        "readOnly": [True] * 5,
        "isTarget": True,
        "tag": "[object MixWebSocket]",
        "binaryType": "arraybuffer",
        "readyState": 0,
        "protocol": "",
        "extensions": "",
        "bufferedAmount": 0,
        "onopen": None,
        "same": True,
    }


def test_a_conversation_over_tls(run: Any):
    got = run("""
      const socket = new MixWebSocket(sites.wss, ["one", "two"]);
      const log = [];
      socket.onopen = (event) => log.push(["open", event instanceof Event, socket.readyState]);
      socket.onclose = (event) => log.push(["close", event instanceof CloseEvent, socket.readyState, event.code,
        event.reason, event.wasClean]);
      const pending = socket.readyState;
      await socket.opened();
      const echo = ask(socket);
      const origin = next(socket, "message");
      const texts = [await echo("grüße \\u{1f600}"), await echo(""), await echo("\\ufeffmark")];
      const event = await origin;
      const bytes = Uint8Array.of(1, 2, 3, 4);
      const buffers = [await echo(bytes), await echo(bytes.buffer), await echo(new DataView(bytes.buffer, 1, 2)),
        await echo(new Blob([bytes]))];
      const numbers = buffers.map((buffer) => buffer instanceof ArrayBuffer && [...new Uint8Array(buffer)]);
      socket.binaryType = "blob";
      const blob = await echo(bytes);
      const large = "x".repeat(300_000);
      const closed = socket.close(3001, "grüße");
      const closing = socket.readyState;
      await closed;
      const order = log.splice(0);
      await socket.close();
      return { pending, texts, numbers, closing, order, again: log, protocol: socket.protocol,
        extensions: socket.extensions, isMessage: event instanceof MessageEvent,
        sameOrigin: event.origin === new URL(sites.wss).origin,
        blob: [blob instanceof Blob, blob.size, [...new Uint8Array(await blob.arrayBuffer())]] };
    """)
    assert got.pop("extensions").startswith("permessage-deflate")
    assert got == {
        "pending": 0,
        "texts": ["grüße \U0001f600", "", "\ufeffmark"],
        "numbers": [[1, 2, 3, 4], [1, 2, 3, 4], [2, 3], [1, 2, 3, 4]],
        "closing": 2,
        "order": [["open", True, 1], ["close", True, 3, 3001, "grüße", True]],
        "again": [],
        "protocol": "two",
        "isMessage": True,
        "sameOrigin": True,
        "blob": [True, 4, [1, 2, 3, 4]],
    }


def test_what_arrives_after_close_is_delivered(run: Any):
    """As the published package does it: its README sends, closes, and reads."""
    got = run("""
      const socket = new MixWebSocket(sites.parting);
      await socket.opened();
      const log = end(socket);
      const message = next(socket, "message");
      await socket.close(1000, "done");
      return [(await message).data, await log];
    """)
    assert got == ["farewell", [["close", 1000, "", True]]]


def test_large_messages_stay_whole_in_both_directions(run: Any):
    got = run("""
      const socket = new MixWebSocket(sites.wss, [], { compression: false });
      await socket.opened();
      const bytes = crypto.getRandomValues(new Uint8Array(65_536));
      const large = new Blob(Array(5).fill(bytes));
      const buffer = new Uint8Array(await ask(socket)(large));
      const same = buffer.byteLength === large.size && buffer.every((byte, index) => byte === bytes[index % 65_536]);
      await socket.close();
      return [same, socket.extensions];
    """)
    assert got == [True, ""]


def test_buffered_amount_falls_as_data_leaves(run: Any, reading: Reading):
    reading.allowed.set()
    got = run("""
      const socket = new MixWebSocket(sites.ws + "held", [], { compression: false });
      await socket.opened();
      const sending = Array.from({ length: 10 }, () => socket.send(new Uint8Array(100_000)));
      const amounts = [socket.bufferedAmount];
      await Promise.all(sending.map((sent) => sent.then(() => amounts.push(socket.bufferedAmount))));
      await socket.close();
      return amounts;
    """)
    assert got[0] == 1_000_000
    assert got == sorted(got, reverse=True)
    assert got[-1] == 0
    assert len(set(got)) > 3
    wait_until(lambda: len(reading.received) == 10)
    assert reading.received == [100_000] * 10


def test_send_and_close_refuse_what_the_standard_refuses(run: Any):
    got = run("""
      const socket = new MixWebSocket(sites.ws);
      const early = await caught(socket.send("too early"));
      await socket.opened();
      const codes = [0, 999, 1001, 2999, 5000, NaN].map((code) => thrown(() => socket.close(code))?.name);
      const reason = thrown(() => socket.close(1000, "ü".repeat(62)))?.name;
      const stillOpen = socket.readyState;
      const closed = socket.close();
      const closing = await caught(socket.send("too late"));
      await closed;
      const late = await caught(socket.send("much too late"));
      return { early, codes, reason, stillOpen, closing, late, bufferedAmount: socket.bufferedAmount };
    """)
    refused = {"name": "InvalidStateError", "isDOMException": True, "isTypeError": False, "code": None}
    assert got == {
        "early": refused,
        "codes": ["InvalidAccessError"] * 6,
        "reason": "SyntaxError",
        "stillOpen": 1,
        "closing": refused,
        "late": refused,
        "bufferedAmount": len("too late") + len("much too late"),
    }


def test_the_server_closes(run: Any):
    got = run("""
      const socket = new MixWebSocket(sites.wss + "close/4321/enough");
      const message = next(socket, "message");
      const log = await end(socket);
      return { log, last: (await message).data, readyState: socket.readyState };
    """)
    assert got == {"log": ["open", ["close", 4321, "enough", True]], "last": "last", "readyState": 3}


def test_headers_and_compression_are_as_asked_for(run: Any):
    got = run("""
      const asked = async (socketOptions) => {
        const socket = new MixWebSocket(sites.wss + "headers", [], socketOptions);
        const { data } = await next(socket, "message");
        await socket.close();
        return data.split("\\n");
      };
      return [
        await asked({ headers: { "X-Token": "abc", Authorization: "Bearer x", Origin: "https://page.test" } }),
        await asked({ compression: false }),
        await asked({ compression: { serverNoContextTakeover: true, clientMaxWindowBits: 10 } }),
      ];
    """)
    assert got[0][:3] == ["abc", "Bearer x", "https://page.test"]
    assert got[1][:4] == ["none", "none", "none", "none"]  # nobody learns from where the page is
    assert "server_no_context_takeover" in got[2][3]
    assert "client_max_window_bits=10" in got[2][3]
    assert "mix" not in got[1][4].lower()


def test_keep_alive_measures_the_latency(run: Any):
    got = run("""
      const socket = new MixWebSocket(sites.wss, [], { pingIntervalMs: 50 });
      const before = socket.latencyMs;
      await socket.opened();
      while (socket.latencyMs === null) await new Promise((resolve) => setTimeout(resolve, 20));
      const { latencyMs } = socket;
      await socket.close();
      return [before, latencyMs];
    """)
    assert got[0] is None
    assert got[1] > 1


def test_many_at_once(run: Any):
    got = run("""
      const talk = async (number) => {
        const socket = new MixWebSocket(number % 2 ? sites.ws : sites.wss);
        await socket.opened();
        const echo = ask(socket);
        const answers = [];
        for (let turn = 0; turn < 5; turn += 1) answers.push(await echo(`${number} ${turn}`));
        await socket.close(1000);
        return answers.join();
      };
      return Promise.all(Array.from({ length: 8 }, (_, number) => talk(number)));
    """)
    assert got == [",".join(f"{number} {turn}" for turn in range(5)) for number in range(8)]
