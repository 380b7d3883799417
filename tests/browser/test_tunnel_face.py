"""mix-tunnel's own face in Chromium: tunnels by name, raw sockets, statistics, the worker's place and its life."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route
from support.echo_servers import EchoServers

from mix_tunnel.options import OPTION_RULES

from .conftest import watch
from .face import Face

if TYPE_CHECKING:
    from .conftest import Playground, Watched


@pytest.fixture(scope="module")
def echo() -> Iterator[EchoServers]:
    servers = EchoServers()
    yield servers
    servers.close()


@pytest.fixture
def face(watched: Watched, playground: Playground) -> Face:
    return Face(watched, playground)


@pytest.fixture(scope="module")
def connected(browser: Browser, playground: Playground) -> Iterator[Face]:
    """A page whose default tunnel is ready."""
    with watch(browser, playground) as watched:
        face = Face(watched, playground)
        face.run("await setupMixTunnel(options)")
        yield face


def test_states_are_the_published_packages(face: Face):
    """The same as `test_its_states` in interop/test_published_client.py sees in the published package."""
    told = face.run(
        """
        const states = [];
        const look = async () => void states.push((await getTunnelState()).state);
        await look();
        await disconnectMixTunnel();
        await look();
        await caught(setupMixTunnel({ ...options, preferredIpr: "x" }));
        await look();
        await disconnectMixTunnel();
        await look();
        const setup = setupMixTunnel(options);
        await look();
        await setup;
        await look();
        await disconnectMixTunnel();
        await look();
        return states;
        """
    )
    assert told == ["connecting"] * 5 + ["ready", "shutdown"]


def test_the_workers_start_is_the_first_step_of_its_first_set_up_and_of_no_other(face: Face):
    told = face.run(
        """
        const states = { default: [], other: [] };
        for (const [name, list] of Object.entries(states)) {
          onTunnelState(({ state, steps }) => list.push([state, ...steps.map(({ step }) => step)]), name);
        }
        const refused = await caught(setupMixTunnel({ ...options, preferredIpr: "x" }));
        await setupMixTunnel(options);
        await disconnectMixTunnel();
        await setupMixTunnel({ ...options, tunnel: "other" });
        await disconnectMixTunnel("other");
        return { refused, ...states };
        """
    )
    assert told["refused"]["code"] == "tunnel.invalid_option"
    assert "starting_worker" not in [step for _, *steps in told["default"] for step in steps]
    starting, *others = told["other"]
    assert starting == ["connecting"]
    ready = [state for state, *_ in others].index("ready")
    assert [step for _, step, *_ in others[: ready + 1]] == ["starting_worker"] * (ready + 1)


def test_two_tunnels_at_once_are_two_clients(face: Face, echo: EchoServers):
    told = face.run(
        """
        const states = [];
        onTunnelState(({ state }) => states.push(state), "work");
        await Promise.all([setupMixTunnel(options), setupMixTunnel({ ...options, tunnel: "work" })]);
        const again = await caught(setupMixTunnel({ ...options, tunnel: "work" }));
        const address = async (name) => {
          const socket = await (await getMixTunnel(name)).tcpConnect({ host: "127.0.0.1", port: values.port });
          await socket.close();
          return socket.localAddress;
        };
        const addresses = [await address(), await address("work")];
        const fetched = [await mixFetch(site), await mixFetch(site, { tunnel: "work" })].map(({ status }) => status);
        const sent = (await getTunnelStats("work")).bytesSent;
        await disconnectMixTunnel();
        const other = await mixFetch(site, { tunnel: "work" });
        const gone = await caught(mixFetch(site));
        const now = [(await getTunnelState()).state, (await getTunnelState("work")).state];
        await disconnectMixTunnel("work");
        const typo = await caught(mixFetch(site, { tunnel: "wrok" }));
        await setupMixTunnel({ ...options, tunnel: "work" });
        const third = (await mixFetch(site, { tunnel: "work" })).status;
        await disconnectMixTunnel("work");
        return { states, again, addresses, fetched, sent, other: other.status, gone, now, typo, third };
        """,
        port=echo.tcp,
    )
    assert told["again"]["message"] == "tunnel already initialised"
    assert len(set(told["addresses"])) == 2
    assert told["fetched"] == [200, 200]
    assert told["sent"] > 0
    assert (told["other"], told["third"]) == (200, 200)
    assert told["gone"]["code"] == told["typo"]["code"] == "tunnel.not_set_up"
    assert told["now"] == ["shutdown", "ready"]
    assert told["states"][0] == "connecting"
    assert told["states"].count("ready") == 2
    assert told["states"][-1] == "shutdown"


def test_a_tcp_echo_with_half_close(connected: Face, echo: EchoServers):
    told = connected.run(
        """
        const socket = await (await getMixTunnel()).tcpConnect({ host: "127.0.0.1", port: values.port });
        const open = (await getTunnelStats()).openConnections;
        const received = new Response(socket.readable).text();
        const writer = socket.writable.getWriter();
        for (let i = 0; i < 100; i++) {
          await writer.write(new Uint8Array(1000).fill(97));
        }
        await writer.close();
        const all = await received;
        await socket.closed;
        let left = open;
        while (left === open) left = (await getTunnelStats()).openConnections;
        return { length: all.length, isWhole: /^a+\\|end$/.test(all), open, remote: [socket.remoteAddress,
          socket.remotePort], alpn: socket.alpn, left };
        """,
        port=echo.tcp,
    )
    assert (told["length"], told["isWhole"]) == (100_004, True)
    assert told["remote"] == ["127.0.0.1", echo.tcp]
    assert told["alpn"] is None
    assert told["open"] == told["left"] + 1


def test_tls_to_a_real_server(connected: Face, playground: Playground):
    url = urlsplit(playground.https)
    told = connected.run(
        """
        const tunnel = await getMixTunnel();
        const socket = await tunnel.tlsConnect({ host: values.host, port: values.port, alpn: ["http/1.1"] });
        const writer = socket.writable.getWriter();
        await writer.write(bytes(`GET / HTTP/1.1\\r\\nHost: ${values.host}\\r\\nConnection: close\\r\\n\\r\\n`));
        const answer = await new Response(socket.readable).text();
        await writer.close();
        await socket.closed;
        const wrong = await caught(tunnel.tlsConnect({ host: "127.0.0.1", port: values.port }));
        return { head: answer.slice(0, 15), alpn: socket.alpn, wrong };
        """,
        host=url.hostname,
        port=url.port,
    )
    assert told["head"] == "HTTP/1.1 200 OK"
    assert told["alpn"] in ("http/1.1", None)  # the demo site may not have chosen
    assert told["wrong"]["code"] == "tls.wrong_host"


def test_udp_echo(connected: Face, echo: EchoServers):
    told = connected.run(
        """
        const socket = await (await getMixTunnel()).udpSocket();
        const reader = socket.readable.getReader();
        const writer = socket.writable.getWriter();
        const got = [];
        for (const word of ["one", "two", "x".repeat(1200)]) {
          await writer.write({ data: bytes(word), host: "127.0.0.1", port: values.port });
          const { data, host, port } = (await reader.read()).value;
          got.push([text(data), host, port]);
        }
        await socket.close();
        await socket.closed;
        return got;
        """,
        port=echo.udp,
    )
    assert told == [[word, "127.0.0.1", echo.udp] for word in ("ONE", "TWO", "X" * 1200)]


def test_a_signal_resets_a_connection(connected: Face, echo: EchoServers):
    told = connected.run(
        """
        const tunnel = await getMixTunnel();
        const controller = new AbortController();
        const socket = await tunnel.tcpConnect({ host: "127.0.0.1", port: values.port, signal: controller.signal });
        const reading = socket.readable.getReader().read().catch(({ name }) => name);
        controller.abort();
        const refused = await caught(tunnel.tcpConnect({ host: "127.0.0.1", port: 1 }));
        const wrong = await caught(tunnel.tcpConnect({ host: "127.0.0.1", port: 70000 }));
        return { reading: await reading, closed: await socket.closed.catch(({ name }) => name), refused, wrong };
        """,
        port=echo.tcp,
    )
    assert (told["reading"], told["closed"]) == ("AbortError", "AbortError")
    assert told["refused"]["code"] == "tcp.connection_refused"
    assert told["wrong"]["code"] == "socket.invalid_argument"
    assert told["wrong"]["fields"] == {"argument": "port", "allowed": "a whole number from 1 to 65535"}


def test_statistics_are_pushed(connected: Face):
    told = connected.run(
        """
        let tell = () => {};
        const next = () => new Promise((resolve) => (tell = resolve));
        const stop = onTunnelStats((stats) => tell(stats), { intervalMs: 500 });
        await (await mixFetch(site)).text(); // so that something has moved
        const first = await next();
        await (await mixFetch(site)).text();
        const second = await next();
        stop();
        return [first, second];
        """
    )
    first, second = told
    assert second["realPacketsSent"] > first["realPacketsSent"] > 0
    assert second["bytesReceived"] > first["bytesReceived"] > 0
    assert second["uptimeMs"] > first["uptimeMs"] > 0
    assert first["coverPacketsSent"] == 0
    assert first["roundTripMs"] > 0
    assert first["replySurbsGiven"] >= first["surbsHeld"] > 0


def test_the_worker_from_another_folder_loaded_in_advance(face: Face):
    context = face.watched.page.context
    asked: list[str] = []

    def elsewhere(route: Route) -> None:
        asked.append(urlsplit(route.request.url).path)
        route.continue_(url=route.request.url.replace("/assets/tunnel/", "/mix-tunnel/"))

    context.route("**/assets/tunnel/**", elsewhere)
    context.route("**/mix-tunnel/worker.js", lambda route: route.abort())
    told = face.run(
        """
        const states = [];
        onTunnelState(({ state, steps }) => states.push([state, steps.map(({ step }) => step)]));
        await preloadMixTunnel({ assetsUrl: "/assets/tunnel" });
        const before = [...states];
        await setupMixTunnel({ ...options, assetsUrl: "/assets/tunnel/" });
        const { status } = await mixFetch(site);
        await disconnectMixTunnel();
        const refused = await caught(setupMixTunnel({ ...options, assetsUrl: "https://elsewhere.test/" }));
        return { before, states, status, refused };
        """
    )
    assert told["before"] == []
    assert told["states"][0][0] == "connecting"
    assert not any("starting_worker" in steps for _, steps in told["states"])
    assert told["status"] == 200
    assert told["refused"]["fields"]["option"] == "assetsUrl"
    assert "/assets/tunnel/worker.js" in asked
    assert "/assets/tunnel/pyodide/pyodide.mjs" in asked


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"status": 404}, "worker.js cannot be fetched (404)"),
        ({"status": 200, "content_type": "text/html", "body": "<!doctype html>"}, "served as text/html"),
    ],
)
def test_what_keeps_a_worker_from_starting_is_said(face: Face, answer: dict[str, Any], sentence: str):
    face.watched.page.context.route("**/mix-tunnel/worker.js", lambda route: route.fulfill(**answer))
    told = face.run("return [await caught(setupMixTunnel(options)), await getTunnelState()]")
    assert told[0]["code"] == "worker.failed"
    assert sentence in told[0]["message"]
    assert "assetsUrl" in told[0]["message"]
    assert (told[1]["state"], told[1]["reason"]["kind"]) == ("failed", "task_panicked")


def test_a_worker_that_dies_is_noticed_and_replaced(face: Face, echo: EchoServers):
    face.run("await setupMixTunnel(options)")
    (worker,) = face.watched.tunnel_workers
    waiting = """
        const socket = await (await getMixTunnel()).tcpConnect({ host: "127.0.0.1", port: values.port });
        globalThis.pending = caught(socket.readable.getReader().read());
    """
    face.run(waiting, port=echo.tcp)
    worker.evaluate("setTimeout(() => self.close())")
    told = face.run("return [await globalThis.pending, await getTunnelState()]")
    assert told[0]["code"] == "worker.failed"
    assert "the browser stopped it" in told[0]["message"]
    assert told[1]["state"] == "failed"
    assert face.run("await setupMixTunnel(options); return (await mixFetch(site)).status") == 200


def test_two_tabs_have_a_tunnel_each(face: Face, playground: Playground):
    face.run("await setupMixTunnel(options)")
    second = face.watched.page.context.new_page()
    second.goto(playground.url)
    other = Face(type(face.watched)(second), playground)
    assert other.run("await setupMixTunnel(options); return (await mixFetch(site)).status") == 200
    assert face.run("return (await mixFetch(site)).status") == 200
    second.close()
    assert face.run("return (await mixFetch(site)).status") == 200


def test_every_option_is_refused_by_its_name_before_anything_is_sent(face: Face):
    rules = {rule.js_name: rule.allowed for rule in OPTION_RULES.values()}
    told = face.run(
        """
        const refused = {};
        for (const name of values.names) {
          refused[name] = [];
          for (const wrong of [{}, [{}], () => {}, NaN, -1, 5n, ""]) {
            refused[name].push((await caught(setupMixTunnel({ ...options, [name]: wrong })))?.message);
          }
        }
        return { refused, state: (await getTunnelState()).state };
        """,
        names=list(rules),
    )
    assert told["refused"] == {name: [f"{name} must be {allowed}"] * 7 for name, allowed in rules.items()}
    assert told["state"] == "connecting"
    assert not any("/api" in path for path in face.asked)


def test_a_failed_set_up_has_a_kind_and_a_sentence(face: Face):
    told = face.run(
        """
        const error = await caught(setupMixTunnel({ ...options, directoryUrl: `${location.origin}/nowhere` }));
        return { error, state: await getTunnelState() };
        """
    )
    reason = told["state"]["reason"]
    assert told["state"]["state"] == "failed"
    assert (reason["kind"], reason["task"]) == ("task_exited", "bridge")
    assert (reason["code"], reason["message"]) == (told["error"]["code"], told["error"]["message"])
