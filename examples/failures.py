"""What a program sees when nodes die, stand still and get new keys: answers that come late, and nothing worse."""

from __future__ import annotations

import asyncio

from surroundings import local_surroundings

from mix_fetch import disconnect_mix_tunnel, mix_fetch, setup_mix_tunnel


async def main() -> None:
    async with local_surroundings(mixes="3x2") as here:
        network = here.network
        await setup_mix_tunnel(directory_url=here.directory_url, disable_cover_traffic=True)

        async def ask(when: str) -> None:
            response = await mix_fetch(here.site)
            print(when, response.status)

        await ask("all is well:")
        await network.kill("mix-2-1")
        await ask("a mix node is dead:")
        await network.restart("mix-2-1")
        network.rotate_keys()
        await ask("all nodes have new keys:")

        network.stop("exit")
        waiting = asyncio.create_task(ask("the exit stood still for a second:"))
        await asyncio.sleep(1)
        print("the exit stands still, and the answer is", "there" if waiting.done() else "not there")
        network.resume("exit")
        await waiting

        received = {node["name"]: node["received"] for node in network.metrics()["nodes"]}
        print("packets by node:", received)
        await disconnect_mix_tunnel()


asyncio.run(main())
