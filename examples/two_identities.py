"""Two tunnels at once, with a client and an address each: nothing connects what goes through them."""

from __future__ import annotations

import asyncio

from surroundings import local_surroundings

from mix_fetch import disconnect_mix_tunnel, mix_fetch, setup_mix_tunnel
from mix_tunnel.api import TunnelOptions, get_mix_tunnel


async def main() -> None:
    async with local_surroundings() as here:
        options = TunnelOptions(directory_url=here.directory_url, disable_cover_traffic=True)
        names = ("work", "home")
        await asyncio.gather(*(setup_mix_tunnel(options, name=name) for name in names))
        for name in names:
            response = await mix_fetch(here.site, tunnel=name)
            stats = get_mix_tunnel(name).stats()
            print(name, response.status, f"{stats.real_packets_sent} packets, {stats.bytes_received} bytes")
        for name in names:
            await disconnect_mix_tunnel(name)


asyncio.run(main())
