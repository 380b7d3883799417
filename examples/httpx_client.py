"""An httpx program through a mixnet: only the transport is new."""

from __future__ import annotations

import asyncio

import httpx
from surroundings import local_surroundings

from mix_fetch import MixTransport, disconnect_mix_tunnel, setup_mix_tunnel


async def main() -> None:
    async with local_surroundings() as here:
        await setup_mix_tunnel(directory_url=here.directory_url, disable_cover_traffic=True)
        async with httpx.AsyncClient(transport=MixTransport(), base_url=here.site, timeout=120) as client:
            answers = await asyncio.gather(*(client.get("/", params={"number": number}) for number in range(3)))
            for answer in answers:
                print(answer.status_code, answer.url, answer.json()["you seem to be"])
            async with client.stream("GET", "/lines") as streamed:
                async for line in streamed.aiter_lines():
                    print("a line:", line)
        await disconnect_mix_tunnel()


asyncio.run(main())
