"""Directory and nodes as programs: they find each other, and `kill -9` loses nothing that was acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.endless_site import endless_site
from support.processes import BIN
from support.programs import HOST, PROGRAM, ProgramNetwork, program_network
from support.quiet_tunnel import quiet_directory_options
from support.raw_client import CRYPTO, ClientIdentity, RawClient, raw_client, read_topology
from support.static_site import serve_folder
from support.waiting import PATIENCE_S, until

from mix_network.directory.draw import Candidate, draw_rewarded_set
from mix_protocol.codec import base58
from mix_protocol.messages.nym_message import PlainMessage, encode_message
from mix_protocol.mixwire.frames import encode_frame
from mix_protocol.noise.link import NoiseLink
from mix_protocol.topology.described import decode_described
from mix_tunnel.tunnel import Tunnel

ROLES = {
    **{f"mix-{number}": ("mix",) for number in (1, 2, 3)},
    "entry": ("entry",),
    "exit": ("exit",),
}


LIAR = str(Path(__file__).parents[1] / "support" / "lying_directory.py")
DIRECTORIES = {"second": [PROGRAM], "liar": [sys.executable, LIAR]}
"""Beside the first one, which alone nodes and clients are told of unless a test says otherwise."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProgramNetwork]:
    with program_network(tmp_path_factory.mktemp("network"), ROLES, DIRECTORIES, epoch_s=3600) as running:
        asyncio.run(running.complete())
        yield running


def send_plain(sender: RawClient, recipient, data: bytes) -> None:
    sender._send_encoded(recipient, encode_message(PlainMessage(data)))


async def test_a_client_fetches_through_processes_that_found_each_other(network: ProgramNetwork, tmp_path: Path):
    content = os.urandom(50_000)
    (tmp_path / "file").write_bytes(content)
    with serve_folder(tmp_path) as site:
        command = [str(BIN / "mix"), "fetch", "--directory", network.directory_url, f"{site}file"]
        fetching = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        fetched, errors = await fetching.communicate()
    assert fetching.returncode == 0, errors
    assert fetched == content


async def fetch(network: ProgramNetwork, directory_url: str, url: str) -> tuple[bytes, str]:
    """What a client gets that has all three keys, and what it says."""
    keys = [word for key in network.keys.values() for word in ("--directory-key", key)]
    command = [str(BIN / "mix"), "fetch", "--no-cover", "--debug", "--directory", directory_url, *keys, url]
    fetching = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    fetched, said = await fetching.communicate()
    return fetched, said.decode()


async def test_a_client_with_the_directories_keys_believes_two_of_three_and_not_the_liar(
    network: ProgramNetwork, tmp_path: Path
):
    content = os.urandom(1000)
    (tmp_path / "file").write_bytes(content)

    def has_a_quorum(directory: str) -> bool:
        answer = httpx.get(f"{directory}/v1/mix-network/snapshot", trust_env=False)
        return answer.status_code == 200 and answer.text.count('"signature"') >= 2

    honest = (network.directory_url, network.url_of("second"))
    for directory in honest:
        await until(lambda directory=directory: has_a_quorum(directory))
    with serve_folder(tmp_path) as site:
        for directory in honest:
            fetched, said = await fetch(network, directory, f"{site}file")
            assert fetched == content, said
            # Whether the liar signs the truth as well is its own affair.
            assert "2 trusted directories vouch for" in said or "3 trusted directories vouch for" in said
        fetched, said = await fetch(network, network.url_of("liar"), f"{site}file")
    assert not fetched
    assert "[topology.no_quorum]" in said


async def test_anybody_can_draw_the_epoch_again_and_the_next_ones_seed_is_committed_to(network: ProgramNetwork):
    rewarded = network.get("v1/nym-nodes/rewarded-set").json()
    epoch_id = rewarded["epoch_id"]
    told = network.get(f"v1/mix-network/epochs/{epoch_id}").json()
    candidates = [
        Candidate(each["node_id"], base58.decode(each["identity"]), each["mixes"], each["enters"], each["exits"])
        for each in told["candidates"]
    ]
    drawn = draw_rewarded_set(bytes.fromhex(told["seed"]), epoch_id, candidates)
    assert [drawn.layer1, drawn.layer2, drawn.layer3] == [rewarded[f"layer{number}"] for number in (1, 2, 3)]
    assert hashlib.sha256(bytes.fromhex(told["seed"])).hexdigest() == told["seed_sha256"]
    following = network.get(f"v1/mix-network/epochs/{epoch_id + 1}").json()
    assert set(following) == {"epoch_id", "seed_sha256"}
    assert network.get(f"v1/mix-network/epochs/{epoch_id + 2}").status_code == 404
    assert network.get(f"v1/mix-network/epochs/{epoch_id - 1}").status_code == 404


async def test_nodes_are_tried_with_packets_and_who_loses_them_performs_worse(network: ProgramNetwork):
    forwarded = {name: network.metric(name, "received_total") for name in ROLES}
    network.kill("mix-3")
    await until(lambda: network.performance()["mix-3"] < 1)
    network.start("mix-3")
    told = network.performance()
    assert all(told[name] > told["mix-3"] for name in ROLES if name != "mix-3"), told
    assert all(network.metric(name, "received_total") > forwarded[name] for name in ROLES if name != "mix-3")
    low = told["mix-3"]
    await until(lambda: network.performance()["mix-3"] > low)


async def test_payloads_and_registrations_outlive_a_killed_gateway(network: ProgramNetwork):
    alice = ClientIdentity()
    async with raw_client(network.description(), alice) as client:
        recipient = client.preparer.own
    key = alice.shared_key
    async with raw_client(network.description()) as bob:
        stored = network.metric("entry", "stored_total")
        send_plain(bob, recipient, b"while you were out")
        await until(lambda: bob.acks == 1)
        assert network.metric("entry", "stored_total") == stored + 1
        network.kill("entry")
    network.start("entry")
    async with raw_client(network.description(), alice) as client:
        await until(lambda: client.messages)
        assert client.messages == [PlainMessage(b"while you were out")]
        assert alice.shared_key == key  # it authenticated with what it had
    network.kill("entry")
    network.start("entry")
    async with raw_client(network.description(), alice) as client:
        send_plain(client, client.preparer.own, b"and that only once")
        await until(lambda: client.messages)
        assert client.messages == [PlainMessage(b"and that only once")]


async def send_frame(network: ProgramNetwork, node: str, frame: bytes) -> None:
    """Hand a node a frame as its neighbours do, over an encrypted link."""
    received = network.metric(node, "received_total")
    reader, writer = await asyncio.open_connection(HOST, network.ready[node]["mix_port"])
    link = NoiseLink.initiate(CRYPTO, os.urandom, os.urandom(32), network.noise_key(node))
    writer.write(link.data_to_send())
    while not link.is_ready:
        link.receive(await reader.read(1000))
        writer.write(link.data_to_send())
    writer.write(link.seal(frame))
    await until(lambda: network.metric(node, "received_total") > received)
    writer.close()


async def test_a_packet_passes_once_whatever_ends_the_node_in_between(network: ProgramNetwork):
    topology = await read_topology(network.directory_url)
    client = RawClient(network.description(), topology, ClientIdentity())
    packet = client.preparer.prepare_cover().packet
    node = next(name for name in ROLES if network.ready[name]["mix_port"] == packet.first_hop.port)
    frame = encode_frame(packet.packet, packet.key_rotation)
    await send_frame(network, node, frame)
    assert network.metric(node, "replayed_total") == 0
    network.kill(node)
    network.start(node)
    await send_frame(network, node, frame)
    await until(lambda: network.metric(node, "replayed_total") == 1)
    network.stop(node)
    network.start(node)
    await send_frame(network, node, frame)
    await until(lambda: network.metric(node, "replayed_total") == 1)


async def test_a_killed_directory_knows_everything_again_and_the_network_works_without_it(network: ProgramNetwork):
    def told() -> tuple[object, ...]:
        listed = decode_described(network.get("v2/nym-nodes/described").content).data
        keys = {node.node_id: node.description.host_information.keys for node in listed}
        nodes = sorted(keys.items(), key=lambda item: item[0])[: len(ROLES)]  # without the directories' own, which have
        assert len(nodes) == len(ROLES)  # new keys each time
        return network.get("v1/nym-nodes/rewarded-set").json(), nodes

    before = told()
    async with raw_client(network.description()) as client:
        network.kill("directory")
        # A node that starts while nobody can be asked works by what it was told before.
        network.kill("mix-2")
        network.start("mix-2")
        send_plain(client, client.preparer.own, b"without a directory")
        await until(lambda: client.messages)
    network.start("directory")
    assert told() == before


async def test_a_download_goes_on_whatever_is_killed_on_its_way(network: ProgramNetwork):
    ended = asyncio.Event()
    # A client that may choose takes the exit for its entry, too, when this one is away.
    options = quiet_directory_options(network.directory_url, preferred_gateway=network.ready["entry"]["identity"])
    async with endless_site(ended) as site, await Tunnel.connect(options) as tunnel:
        stream = await tunnel.connect_tcp(HOST, site.port)
        received = bytearray()

        async def download() -> None:
            while data := await stream.receive():
                received.extend(data)

        async def go_on() -> None:
            wanted = len(received) + 50_000
            await until(lambda: len(received) > wanted)

        async with asyncio.timeout(3 * PATIENCE_S), asyncio.TaskGroup() as group:
            group.create_task(download())
            for name in ("mix-1", "entry", "directory"):
                await go_on()
                network.kill(name)
                await asyncio.to_thread(network.start, name)
            await go_on()
            ended.set()
        stream.abort()
    assert len(site.asked) == 1
    site.check(received)


def test_a_home_is_for_one_process(network: ProgramNetwork):
    second = subprocess.run(
        [PROGRAM, "node", "run", "--home", str(network.folder / "entry")], capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert "another process runs with this home" in second.stderr


async def test_the_exit_policy_is_read_again(network: ProgramNetwork):
    policy = network.folder / "exit" / "policy.txt"
    configuration = network.folder / "exit" / "node.toml"
    policy.write_text("ExitPolicy accept *:443\n")
    configuration.write_text(
        configuration.read_text().replace('# policy_file = "exit-policy.txt"', 'policy_file = "policy.txt"')
    )
    network.stop("exit")
    network.start("exit")
    policy.write_text("ExitPolicy reject nonsense\n")
    network.signal("exit", signal.SIGHUP)
    await until(lambda: "the old one stays" in network.logged("exit"))
    policy.write_text("ExitPolicy accept *:80\n")
    network.signal("exit", signal.SIGHUP)
    await until(lambda: "the exit policy was read again" in network.logged("exit"))


async def test_no_secret_is_logged_or_served(network: ProgramNetwork):
    secrets = [path.read_text().strip() for path in network.folder.glob("*/keys/*.key")]
    directories = ("directory", *DIRECTORIES)
    # Identity and links, also those of the directories, which sign as well; and an exit's service.
    assert len(secrets) == 2 * len(ROLES) + 3 * len(directories) + 1
    said = "".join(network.logged(name) for name in (*directories, *ROLES))
    for secret in secrets:
        assert secret not in said
        assert base58.encode(bytes.fromhex(secret)) not in said
