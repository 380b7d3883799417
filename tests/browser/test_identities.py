"""Identities that a page keeps: in IndexedDB, sealed; and what becomes of those that are of no use any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Route, expect

from mix_protocol.crypto.native import NativeCrypto
from mix_tunnel.runtime.client_keys import ClientKeys
from mix_tunnel.runtime.identity_record import open_record, split_records

from .conftest import READY_MS, read_json, watch
from .face import Face
from .waiting import wait_until

if TYPE_CHECKING:
    from .conftest import Playground, Watched

PASSPHRASE = "correct horse battery staple"
STORAGE = """
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const openStore = async (mode) => {
    const database = await done(indexedDB.open("mix-tunnel"));
    return database.transaction("records", mode).objectStore("records");
  };
"""
KEEP = """
  const states = [];
  onTunnelState((state) => states.push(state));
  await setupMixTunnel({ ...options, ...values.more });
  const { status } = await mixFetch(site);
  const { state, warnings } = await getTunnelState();
  return { status, state, warnings, pushed: states.flatMap(({ warnings }) => warnings).length };
"""


class Keeper:
    """A page that is loaded again and again; its browser keeps what it stores."""

    def __init__(self, watched: Watched, playground: Playground) -> None:
        self._face = Face(watched, playground)
        self._playground = playground
        self._crypto = NativeCrypto()
        (entry,) = playground.network["entry_gateways"]
        self.gateway: str = entry["identity"]
        self.console: list[str] = []
        watched.page.on("console", lambda message: self.console.append(message.text))

    def wait_for_console(self, word: str) -> None:
        """Wait until the console has it: the worker's lines do not come in step with what the page answers."""
        wait_until(lambda: any(word in line for line in self.console), self._face.watched.page)

    def visit(self, **more: Any) -> dict[str, Any]:
        """Load the page and set a tunnel up that fetches something."""
        page = self._face.watched.page
        page.goto(self._playground.url)
        told: dict[str, Any] = self._face.run(KEEP, more={"preferredGateway": self.gateway, **more})
        assert (told["status"], told["state"]) == (200, "ready")
        return told

    def start_download(self) -> None:
        """Keep the worker busy from now on."""
        self._face.run('void (await mixFetch(site + "/bytes/50000000")).body.pipeTo(new WritableStream())')

    def clients(self) -> int:
        """How many clients the gateway knows."""
        metrics = read_json(f"{self._playground.network['directory']['http'].removesuffix('/api')}/metrics.json")
        return sum(node.get("clients", 0) for node in metrics["nodes"] if node["role"] == "entry-gateway")

    def stored(self) -> dict[str, bytes]:
        """Every record that the page has, by name; all else that a page can store in is empty."""
        found = self._face.run(
            STORAGE
            + """
            const databases = await indexedDB.databases();
            const others = [localStorage.length, sessionStorage.length, document.cookie.length,
              (await caches.keys()).length];
            if (databases.length === 0) {
              return { databases, others, records: {} };
            }
            const names = await done((await openStore("readonly")).getAllKeys());
            const records = await done((await openStore("readonly")).getAll());
            return { databases, others, records: Object.fromEntries(names.map((name, i) => [name, [...records[i]]])) };
            """
        )
        assert found["others"][2:] == [0, 0]
        return {name: bytes(record) for name, record in found["records"].items()}

    def put(self, name: str, record: bytes) -> None:
        """Change a record behind the tunnel's back."""
        code = 'await done((await openStore("readwrite")).put(new Uint8Array(values.record), values.name));'
        self._face.run(STORAGE + code, name=name, record=list(record))

    def keys(self, passphrase: str = PASSPHRASE) -> ClientKeys:
        """What native Python finds in the browser's record."""
        (stored,) = self.stored().values()
        opened = [open_record(self._crypto, passphrase, record) for record in split_records(stored)]
        (plaintext,) = (each[1] for each in opened if each is not None)
        keys = ClientKeys.decode(plaintext)
        assert keys is not None
        return keys

    def address(self) -> str:
        """The Nym address of the kept client."""
        keys = self.keys()
        (gateway,) = keys.gateway_keys
        return keys.recipient_at(gateway, self._crypto).to_text()


@pytest.fixture
def keeper(watched: Watched, playground: Playground) -> Keeper:
    return Keeper(watched, playground)


def reasons(told: dict[str, Any]) -> list[str]:
    assert {warning["code"] for warning in told["warnings"]} <= {"tunnel.identity_not_kept"}
    return [warning["fields"]["reason"] for warning in told["warnings"]]


def test_by_default_every_page_load_is_a_stranger_and_stores_nothing(keeper: Keeper):
    before = keeper.clients()
    for _ in range(2):
        assert reasons(keeper.visit()) == []
    assert keeper.clients() == before + 2
    assert keeper.stored() == {}


def test_with_a_passphrase_a_reloaded_page_has_the_same_address_and_nothing_lies_there_in_clear(keeper: Keeper):
    before = keeper.clients()
    assert reasons(keeper.visit(storagePassphrase=PASSPHRASE)) == []
    address, first = keeper.address(), keeper.keys()
    assert address.endswith(f"@{keeper.gateway}")
    for _ in range(2):  # the page goes away without a word, and comes again
        assert reasons(keeper.visit(storagePassphrase=PASSPHRASE)) == []
        assert keeper.address() == address
    assert keeper.clients() == before + 1
    assert keeper.keys().authenticated_at > first.authenticated_at
    (record,) = keeper.stored().values()
    crypto = NativeCrypto()
    for secret in (
        first.identity_seed,
        first.encryption_secret,
        first.ack_key,
        *first.gateway_keys.values(),
        crypto.ed25519_public(first.identity_seed),
        PASSPHRASE.encode(),
    ):
        assert secret not in record


def test_a_page_that_is_reloaded_amid_much_work_has_its_identity_again(keeper: Keeper):
    keeper.visit(storagePassphrase=PASSPHRASE)
    address = keeper.address()
    for _ in range(3):
        keeper.start_download()
        assert reasons(keeper.visit(storagePassphrase=PASSPHRASE)) == []
        assert keeper.address() == address


def test_a_wrong_passphrase_is_a_warning_that_the_page_sees(keeper: Keeper):
    keeper.visit(storagePassphrase=PASSPHRASE)
    address = keeper.address()
    told = keeper.visit(storagePassphrase="a typing error")
    assert reasons(told) == ["wrong_passphrase"]
    assert "storagePassphrase" in told["warnings"][0]["message"]
    assert told["pushed"] > 0
    keeper.wait_for_console("storagePassphrase")
    assert reasons(keeper.visit(storagePassphrase=PASSPHRASE)) == []
    assert keeper.address() == address


def test_damage_is_a_warning_and_a_fresh_identity_takes_its_place(keeper: Keeper):
    keeper.visit(storagePassphrase=PASSPHRASE)
    address = keeper.address()
    ((name, record),) = keeper.stored().items()
    for damaged in (b"", b"nonsense", record[: len(record) // 3]):
        keeper.put(name, damaged)
        assert reasons(keeper.visit(storagePassphrase=PASSPHRASE)) == (["unreadable"] if damaged else [])
        assert keeper.address() != address
        assert reasons(keeper.visit(storagePassphrase=PASSPHRASE)) == []


def test_two_tabs_do_not_share_an_identity(keeper: Keeper, playground: Playground):
    keeper.visit(storagePassphrase=PASSPHRASE)
    address = keeper.address()
    watched = keeper._face.watched
    second = watched.page.context.new_page()
    other = Keeper(type(watched)(second), playground)
    assert reasons(other.visit(storagePassphrase=PASSPHRASE)) == ["in_use"]
    assert keeper.address() == address
    second.close()


def test_the_playground_logs_a_warning(browser: Browser, playground: Playground):
    def with_passphrase(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["tunnelOptions"]["storagePassphrase"] = PASSPHRASE
        route.fulfill(response=answer, body=json.dumps(told))

    with watch(browser, playground) as watched:
        page = watched.page
        page.context.route("**/playground.json", with_passphrase)
        watched.reload()
        page.get_by_test_id("cover-traffic").uncheck()
        page.get_by_test_id("poisson-traffic").uncheck()
        watched.connect()
        watched.disconnect()
        keeper = Keeper(watched, playground)
        ((name, _),) = keeper.stored().items()
        keeper.put(name, b"nonsense")
        page.get_by_test_id("connect").click()
        expect(page.get_by_test_id("log")).to_contain_text("tunnel warning: the stored identity is damaged")
        expect(page.get_by_test_id("tunnel-state")).to_have_text("ready", timeout=READY_MS)
