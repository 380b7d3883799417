"""Fetch through a mixnet: a whole answer, one that streams, and one that is given up."""

from __future__ import annotations

import asyncio

from surroundings import local_surroundings

from mix_fetch import disconnect_mix_tunnel, mix_fetch, setup_mix_tunnel


async def main() -> None:
    async with local_surroundings() as here:
        await setup_mix_tunnel(directory_url=here.directory_url, disable_cover_traffic=True)

        response = await mix_fetch(here.site)
        print(response.status, await response.json())

        async with await mix_fetch(f"{here.site}/lines") as response:
            async for piece in response:
                print("a piece:", piece)

        try:
            async with asyncio.timeout(0):
                await mix_fetch(here.site)
        except TimeoutError:
            print("given up; nothing of it is left at the exit")

        await disconnect_mix_tunnel()


asyncio.run(main())
