"""The published page packages, unmodified, in one odd network after the other; each test is a scenario.

All share a browser and a network, which runs in a thread here. A directory and a gateway's door stand between, which
change what is said as a scenario wants.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from interop.bundling import PAGE, bundled
from playwright.sync_api import Browser, Error, Page
from support.chromium import chromium, new_context
from support.odd_directory import OddDirectory, Oddity, odd_directory
from support.odd_gateway import OddGateway, odd_gateway
from support.servers import HttpServer, pattern, serve_http
from support.threaded import in_thread
from support.websocket_server import echo, serving

from mix_network.directory.certificates import issue_server_certificate
from mix_network.gateway.terms import GatewayTerms
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions

DIRECTORY_HOST = "validator.nymtech.net"
PATIENCE_MS = 120_000
SLOW_S = 1800
NO_COVER = {"disableCoverTraffic": True, "disablePoissonTraffic": True}
SMALL, LARGE = pattern(20_000), pattern(1_000_000)
OPTIONS = NetworkOptions(allow_local=True, hosts={"demo.test": (IPv4Address("127.0.0.1"),)}, dns="none")


@dataclass
class World:
    """A network with the door of its entry gateway, its directory, and a browser that finds them."""

    network: LocalNetwork
    loop: asyncio.AbstractEventLoop
    door: OddGateway
    directory: OddDirectory
    browser: Browser
    url: str

    def do(self, work: Callable[[], Any]) -> Any:
        """Do something to the network, in its own thread."""

        async def run() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(60)

    def through_the_door(self, path: str, document: dict[str, Any], *, tls: bool = False) -> None:
        """Let the entry gateway's clients come by the door."""
        identity = self.network.description()["entry_gateways"][0]["identity"]
        for node in _skimmed(document):
            if node["ed25519_identity_pubkey"] == identity:
                node["entry"] |= {"ws_port": self.door.port}
                if tls:
                    node["entry"] |= {"hostname": "gateway.test", "wss_port": self.door.tls_port}

    def is_odd(self, change: Callable[[str, dict[str, Any]], None] | None = None, **oddity: Any) -> None:
        """Let the directory be odd."""

        def both(path: str, document: dict[str, Any]) -> None:
            self.through_the_door(path, document)
            if change is not None:
                change(path, document)

        self.directory.oddity = Oddity(both, **oddity)

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A page without memories."""
        context = new_context(self.browser)
        try:
            yield self.open(context.new_page())
        finally:
            context.close()

    def open(self, page: Page) -> Page:
        page.set_default_timeout(PATIENCE_MS)
        page.goto(self.url)
        page.wait_for_function("document.title === 'ready'")
        return page

    def set_up(self, page: Page, **options: Any) -> None:
        """Set the tunnel up, without TLS and cover traffic unless told otherwise."""
        entry = self.network.description()["entry_gateways"][0]["identity"]
        page.evaluate(
            "options => published.setup(options)",
            {"forceTls": False, "preferredGateway": entry, **NO_COVER, **options},
        )

    def refusal(self) -> str:
        """Why a client can't set its tunnel up."""
        with self.page() as page, pytest.raises(Error) as refused:
            self.set_up(page)
        return _message(refused.value)


def _message(error: Error) -> str:
    """What an error of the page says, without the stack below it, in which words such as `dns` stand anyway."""
    return re.split(r"\n +at ", str(error))[0]


def _skimmed(document: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = document.get("nodes")
    return nodes["data"] if isinstance(nodes, dict) else []


@asynccontextmanager
async def _network(
    context: ssl.SSLContext,
) -> AsyncIterator[tuple[LocalNetwork, asyncio.AbstractEventLoop, OddGateway]]:
    async with (
        LocalNetwork(OPTIONS) as network,
        odd_gateway(lambda: network.description()["entry_gateways"][0]["ws"], context) as door,
    ):
        yield network, asyncio.get_running_loop(), door


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("odd")
    files = {"/": ("text/html", PAGE), "/page.js": ("text/javascript", bundled("published-client.js"))}
    with (
        in_thread(_network(_tls(folder))) as (network, loop, door),
        odd_directory(lambda: network.directory_url, _tls(folder)) as directory,
        serve_http(files) as site,
        chromium(
            [
                f"--host-resolver-rules=MAP {DIRECTORY_HOST}:443 127.0.0.1:{directory.port},MAP * 127.0.0.1",
                "--ignore-certificate-errors",
            ]
        ) as browser,
    ):
        yield World(network, loop, door, directory, browser, f"http://localhost:{site.port}/")


def _tls(folder: Path) -> ssl.SSLContext:
    certificate = issue_server_certificate([DIRECTORY_HOST, "gateway.test"], datetime.datetime.now(datetime.UTC))
    (folder / "chain.pem").write_bytes(certificate.certificate_pem)
    (folder / "key.pem").write_bytes(certificate.key_pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return context


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """The shared network, in which nothing is odd yet."""
    shared_world.is_odd()
    shared_world.door.sessions.clear()
    shared_world.directory.requests.clear()
    shared_world.directory.kinds.clear()
    yield shared_world
    shared_world.door.change = lambda message: None
    shared_world.door.drops = lambda frame: False


@pytest.fixture(scope="module")
def demo() -> Iterator[HttpServer]:
    kind = "application/octet-stream"
    with serve_http({"/20k": (kind, SMALL), "/1m": (kind, LARGE)}) as server:
        yield server


@pytest.fixture(scope="module")
def echoing() -> Iterator[str]:
    with in_thread(serving(echo, max_size=None)) as port:
        yield f"ws://demo.test:{port}/"


@pytest.fixture(scope="module")
def ready(shared_world: World) -> Iterator[Page]:
    """A page with a tunnel, for all scenarios in which nothing is odd."""
    shared_world.is_odd()
    with shared_world.page() as page:
        shared_world.set_up(page)
        yield page


def fetches(page: Page, demo: HttpServer, path: str = "/20k", body: bytes = SMALL) -> None:
    answer = page.evaluate("url => published.fetch(url)", f"http://demo.test:{demo.port}{path}")
    assert answer == {"status": 200, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


# -- What it does in an ordinary network


def test_keep_alive(ready: Page, demo: HttpServer):
    """Three fetches over one connection (keep-alive)"""
    before = set(demo.connections)
    for _ in range(3):
        fetches(ready, demo)
    assert len(demo.connections - before) == 1


def test_ten_at_once(ready: Page, demo: HttpServer):
    """Ten fetches at once"""
    answers = ready.evaluate(
        "url => Promise.all(Array.from({ length: 10 }, () => published.fetch(url)))",
        f"http://demo.test:{demo.port}/20k",
    )
    assert [answer["sha256"] for answer in answers] == [hashlib.sha256(SMALL).hexdigest()] * 10


def test_unknown_name(ready: Page):
    """DNS: an unknown name is an error"""
    with pytest.raises(Error) as failed:
        ready.evaluate("published.resolve('unknown.test')")
    assert re.search(r"(?i)dns|resolve", _message(failed.value))


def test_text_over_websocket(ready: Page, echoing: str):
    """WebSocket: text"""
    assert ready.evaluate("url => published.echoText(url, 'Grüße')", echoing) == "Grüße"


@pytest.mark.interop_slow
@pytest.mark.timeout(SLOW_S)
def test_download_of_1_mb(ready: Page, demo: HttpServer):
    """1 MB down"""
    fetches(ready, demo, "/1m", LARGE)


@pytest.mark.interop_slow
@pytest.mark.timeout(SLOW_S)
def test_upload_of_1_mb(ready: Page, demo: HttpServer):
    """1 MB up"""
    sent, arrived = ready.evaluate("url => published.upload(url, 1_000_000)", f"http://demo.test:{demo.port}/sha256")
    assert arrived == sent


@pytest.mark.interop_slow
@pytest.mark.timeout(SLOW_S)
def test_1_mb_over_websocket(ready: Page, echoing: str):
    """WebSocket: a message of 1 MB, there and back"""
    assert ready.evaluate("url => published.echo(url, [1_000_000], 1000, '')", echoing) == [1_000_000]


@pytest.mark.interop_slow
@pytest.mark.timeout(SLOW_S)
def test_90_idle_seconds(ready: Page, demo: HttpServer):
    """90 s idle, then a fetch"""
    ready.wait_for_timeout(90_000)
    fetches(ready, demo)


@pytest.mark.interop_slow
@pytest.mark.timeout(SLOW_S)
def test_keys_change_in_mid_download(world: World, demo: HttpServer):
    """A key rotation, and an epoch with it, in mid-download of 1 MB"""
    with world.page() as page:
        world.set_up(page)
        asked = len(demo.requests)
        page.evaluate(
            """url => {
                window.isThere = false;
                window.download = published.fetch(url).finally(() => { window.isThere = true; });
            }""",
            f"http://demo.test:{demo.port}/1m",
        )
        while len(demo.requests) == asked:
            page.wait_for_timeout(100)
        world.do(world.network.rotate_keys)
        assert not page.evaluate("window.isThere")
        answer = page.evaluate("window.download")
    assert answer["sha256"] == hashlib.sha256(LARGE).hexdigest()


# -- Gateways


def test_defaults(world: World, demo: HttpServer):
    """The defaults: wss to the gateway, cover traffic on"""
    world.directory.oddity = Oddity(lambda path, document: world.through_the_door(path, document, tls=True))
    with world.page() as page:
        page.evaluate("published.setup({})")
        fetches(page, demo)
    assert [session.tls for session in world.door.sessions] == [True, True]


@pytest.mark.parametrize("version", [4, 5, 6])
def test_gateway_protocol(world: World, demo: HttpServer, version: int):
    """A gateway that speaks protocol {version}"""

    def change(message: dict[str, Any]) -> None:
        if message["type"] == "supportedProtocol":
            message["version"] = version

    world.door.change = change
    with world.page() as page:
        world.set_up(page)
        fetches(page, demo)
    (said,) = [message for message in world.door.heard if message["type"].startswith("authenticate")]
    assert said["protocolVersion"] == version
    assert world.door.frame_kinds == {1 if version == 4 else 2}


def test_reload(world: World, demo: HttpServer):
    """A reload with the stored key"""
    with world.page() as page:
        world.set_up(page)
        world.door.sessions.clear()
        world.open(page)
        world.set_up(page)
        fetches(page, demo)
    kinds = [message["type"] for message in world.door.heard]
    assert "authenticateV2" in kinds
    assert "handshakePayload" not in kinds


def test_two_clients(world: World, demo: HttpServer):
    """Two clients at once"""
    with world.page() as one, world.page() as other:
        for page in (one, other):
            world.set_up(page)
        for page in (one, other):
            page.evaluate("url => void (window.answer = published.fetch(url))", f"http://demo.test:{demo.port}/20k")
        digests = {page.evaluate("window.answer")["sha256"] for page in (one, other)}
    assert digests == {hashlib.sha256(SMALL).hexdigest()}


def test_low_bandwidth(world: World, demo: HttpServer):
    """Low bandwidth: it claims more, and goes on"""

    def change(message: dict[str, Any]) -> None:
        if message["type"] == "authenticate":
            message["bandwidth_remaining"] = 0

    world.door.change = change
    with world.page() as page:
        world.set_up(page)
        fetches(page, demo)
    assert "claimFreeTestnetBandwidth" in [message["type"] for message in world.door.heard]


def test_paid_bandwidth_is_refused(world: World):
    """Refused: a gateway that grants no free bandwidth"""
    listeners = [gateway._listener for gateway in world.network._gateways]
    usual = listeners[0].session_config
    for listener in listeners:
        listener.session_config = GatewayTerms(require_bandwidth=True).session_config()
    try:
        assert "no free bandwidth" in world.refusal()
    finally:
        for listener in listeners:
            listener.session_config = usual
    assert "claimFreeTestnetBandwidth" in [message["type"] for message in world.door.heard]


ACK_FRAME = 1 + 1 + 12 + 21 + 16


def test_withheld_acks(world: World, demo: HttpServer):
    """Acknowledgements withheld"""
    dropped: list[int] = []

    def drops(frame: bytes) -> bool:
        if len(frame) == ACK_FRAME:
            dropped.append(1)
            return True
        return False

    world.door.drops = drops
    with world.page() as page:
        world.set_up(page)
        fetches(page, demo)
    assert dropped


def test_gateway_protocol_3_is_refused(world: World):
    """Refused: a gateway that speaks protocol 3"""

    def change(message: dict[str, Any]) -> None:
        if message["type"] == "supportedProtocol":
            message["version"] = 3

    world.door.change = change
    assert "incompatible protocol version" in world.refusal()


def test_bad_signature_is_refused(world: World):
    """Refused: a gateway whose signature is bad"""

    def change(message: dict[str, Any]) -> None:
        if message["type"] == "handshakePayload" and len(message["data"]) == 124:
            message["data"][40] ^= 1

    world.door.change = change
    world.refusal()
    assert "handshakeError" in [message["type"] for message in world.door.heard]


# -- Directories


def test_json(world: World, demo: HttpServer):
    """A directory that answers in JSON"""
    with world.page() as page:
        world.set_up(page)
        fetches(page, demo)
    assert set(world.directory.kinds) <= {"application/json", "text/plain"}


def test_bincode(world: World, demo: HttpServer):
    """A directory that answers in bincode"""
    world.is_odd(bincode=True)
    with world.page() as page:
        world.set_up(page)
        fetches(page, demo)
    assert "application/bincode" in world.directory.kinds


def test_paged_answers(world: World, demo: HttpServer):
    """A directory that answers page by page"""
    world.is_odd(page_length=1)
    with world.page() as page:
        world.set_up(page)
        fetches(page, demo)
    assert any("page=2" in request for request in world.directory.requests)


def test_both_parities_of_rotations(world: World, demo: HttpServer):
    """Rotation ids, odd and even"""
    rotations = []
    for _ in range(2):
        with world.page() as page:
            world.set_up(page)
            fetches(page, demo)
        rotations.append(world.do(world.network.rotate_keys))
    assert {rotation % 2 for rotation in rotations} == {0, 1}


def test_rotation_0(world: World, demo: HttpServer):
    """Rotation id 0, which says nothing of the keys"""

    def change(path: str, document: dict[str, Any]) -> None:
        if "rotation_id" in document.get("metadata", {}):
            document["metadata"]["rotation_id"] = 0

    world.is_odd(change)
    with world.page() as page:
        world.set_up(page)
        fetches(page, demo)


def _stale(path: str, document: dict[str, Any]) -> None:
    if path.endswith("rewarded-set"):
        document["epoch_id"] -= 1


def _without_layer_2(path: str, document: dict[str, Any]) -> None:
    if path.endswith("rewarded-set"):
        document["layer2"] = []


def _poor(path: str, document: dict[str, Any]) -> None:
    for node in _skimmed(document):
        node["performance"] = "0.49"


def _old(path: str, document: dict[str, Any]) -> None:
    if path.endswith("described"):
        for node in document["data"]:
            node["description"]["build_information"]["build_version"] = "1.29.0"


NO_LAYER = "mixing layers does not have any valid nodes"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(_stale, NO_LAYER, id="another epoch than its nodes'"),
        pytest.param(_without_layer_2, NO_LAYER, id="a layer without nodes"),
        pytest.param(_poor, "no more new gateways|mixing layers", id="nodes whose performance is too low"),
        pytest.param(_old, "no v9-capable IPRs available", id="exits older than 1.30.0"),
    ],
)
def test_picture_is_refused(world: World, change: Callable[[str, dict[str, Any]], None], words: str):
    """Refused: a directory that tells of {id}"""
    world.is_odd(change)
    assert re.search(words, world.refusal())


@pytest.mark.parametrize(
    ("oddity", "words"),
    [
        pytest.param({"status": 404}, DIRECTORY_HOST, id="answers 404"),
        pytest.param({"status": 500}, DIRECTORY_HOST, id="answers 500"),
        pytest.param({"cors": False}, "failed to resolve", id="allows no other origin (CORS)"),
    ],
)
def test_directory_is_refused(world: World, oddity: dict[str, Any], words: str):
    """Refused: a directory that {id}"""
    world.is_odd(**oddity)
    assert words in world.refusal()


# -- Exits


@contextmanager
def _exit_that_speaks(world: World, *versions: int) -> Iterator[None]:
    router = world.network.exit._service._router
    ordinary = router._config
    router._config = replace(ordinary, versions=versions)
    try:
        yield
    finally:
        router._config = ordinary


def test_exit_of_version_9(world: World, demo: HttpServer):
    """An exit that speaks IPR protocol 9 alone, in a network of 10 (set up after 15 s)"""
    with _exit_that_speaks(world, 9), world.page() as page:
        world.set_up(page)
        fetches(page, demo)


def test_exit_that_denies_is_refused(world: World):
    """Refused: an exit that denies"""
    router = world.network.exit._service._router
    world.do(lambda: router.refuse_clients("closed for the day"))
    try:
        told = world.refusal()
    finally:
        world.do(lambda: router.refuse_clients(None))
    assert "closed for the day" in told
