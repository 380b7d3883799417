"""A download through processes while epochs end, layers are drawn anew, every node's keys change, and nodes restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.endless_site import endless_site
from support.programs import program_network
from support.quiet_tunnel import quiet_directory_options
from support.waiting import PATIENCE_S, until

from mix_protocol.topology.documents import decode_key_rotation_info, decode_rewarded_set
from mix_tunnel.tunnel import Tunnel

EPOCH_S = 6
ROLES = {
    **{f"mix-{number}": ("mix",) for number in (1, 2, 3, 4)},
    "entry": ("entry",),
    "exit": ("exit",),
}


async def test_a_download_across_epochs_rotations_and_restarts_loses_nothing(tmp_path: Path):
    ended = asyncio.Event()
    with program_network(tmp_path, ROLES, epoch_s=EPOCH_S, rotation=2) as network:
        await network.complete()
        options = quiet_directory_options(network.directory_url, preferred_gateway=network.ready["entry"]["identity"])
        async with (
            endless_site(ended) as site,
            await Tunnel.connect(options) as tunnel,
        ):
            stream = await tunnel.connect_tcp("127.0.0.1", site.port)
            received = bytearray()

            async def download() -> None:
                while data := await stream.receive():
                    received.extend(data)

            def first_rotation() -> int:
                info = decode_key_rotation_info(network.get("v1/epoch/key-rotation-info").content)
                return info.progress.current_key_rotation_id

            async with asyncio.timeout(2 * PATIENCE_S), asyncio.TaskGroup() as group:
                group.create_task(download())
                start = first_rotation()
                await until(lambda: len(received) > 100_000)
                # What the download can do without for a moment, whichever layers are drawn meanwhile.
                for name in ("directory", "entry"):
                    network.kill(name)
                    await asyncio.to_thread(network.start, name)
                    at = len(received)
                    await until(lambda at=at: len(received) > at + 50_000)
                await until(lambda: first_rotation() >= start + 3)  # two whole ones since the download began
                at = len(received)
                await until(lambda: len(received) > at + 50_000)
                ended.set()
            stream.abort()
        epochs = decode_rewarded_set(network.get("v1/nym-nodes/rewarded-set").content).epoch_id
        drawn = [network.get(f"v1/mix-network/epochs/{epoch}").json() for epoch in range(epochs - 5, epochs + 1)]
        layers = {str([each["rewarded_set"][f"layer{n}"] for n in (1, 2, 3)]) for each in drawn if "seed" in each}
        assert len(layers) >= 2
    assert len(site.asked) == 1
    site.check(received)
