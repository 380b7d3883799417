"""Real clients for the check, in a process of their own: `python -m research.anonymity.real_clients URL COUNT SCALE`.

Says in a line of JSON when all of them are ready, and ends with its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sys

from mix_protocol.errors import NetworkFailure
from mix_tunnel.mixnet.traffic import TrafficConfig
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime import connecting
from mix_tunnel.tunnel import Tunnel

_AT_ONCE = 15
_CONNECT_MS = 240_000


def slow_down(scale: float) -> None:
    """Let what clients draw at random take so many times as long."""
    usual = TrafficConfig()
    assert usual.main_stream_mean_ms is not None
    assert usual.cover_stream_mean_ms is not None
    connecting.TrafficConfig = functools.partial(  # type: ignore[assignment, attr-defined]
        TrafficConfig,
        main_stream_mean_ms=usual.main_stream_mean_ms * scale,
        cover_stream_mean_ms=usual.cover_stream_mean_ms * scale,
        mean_packet_delay_ms=usual.mean_packet_delay_ms * scale,
        mean_ack_delay_ms=usual.mean_ack_delay_ms * scale,
    )


async def main(directory_url: str, count: int, scale: float) -> None:
    """Connect so many tunnels, and keep them."""
    slow_down(scale)
    options = TunnelOptions(directory_url=directory_url, balanced_replies=False, connect_timeout_ms=_CONNECT_MS)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def connect() -> Tunnel:
        while True:
            with contextlib.suppress(NetworkFailure):  # a machine that is busy with a hundred set-ups
                async with turns:
                    return await Tunnel.connect(options)

    tunnels = await asyncio.gather(*(connect() for _ in range(count)))
    print(json.dumps({"ready": len(tunnels)}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(tunnel.close() for tunnel in tunnels), return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
