"""A WebSocket through a mixnet, as a program for the `websockets` library would write it."""

from __future__ import annotations

import asyncio

from surroundings import local_surroundings

from mix_websocket import ConnectionClosed, connect, disconnect_mix_tunnel, setup_mix_tunnel


async def main() -> None:
    async with local_surroundings() as here:
        await setup_mix_tunnel(directory_url=here.directory_url, disable_cover_traffic=True)

        async with connect(here.echo) as websocket:
            for number in range(3):
                await websocket.send(f"message {number}")
                print("back:", await websocket.recv())
            latency_s = await (await websocket.ping())
            print(f"a ping took {latency_s * 1000:.0f} ms")

        try:
            await websocket.send("too late")
        except ConnectionClosed as error:
            print("closed:", error)

        await disconnect_mix_tunnel()


asyncio.run(main())
