"""DNS through a mixnet: one address, a record with its time to live, and a name that isn't there."""

from __future__ import annotations

import asyncio

from surroundings import NAME, local_surroundings

from mix_dns import MixError, disconnect_mix_tunnel, mix_dns, resolve, setup_mix_tunnel


async def main() -> None:
    async with local_surroundings() as here:
        await setup_mix_tunnel(directory_url=here.directory_url, disable_cover_traffic=True)

        print("one address:", await mix_dns(NAME))

        answer = await resolve(NAME, "A")
        for record in answer.records:
            print(record.type, record.text, f"for {record.ttl_s} s, from {answer.server} over {answer.transport}")

        try:
            await resolve("nowhere.test", "AAAA")
        except MixError as error:
            print(error.code, "-", error)

        await disconnect_mix_tunnel()


asyncio.run(main())
