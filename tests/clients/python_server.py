"""An echo server on the library `websockets` for one halloo client: prints the extensions and how it ended."""

import asyncio

from websockets.asyncio.server import serve


async def main():
    done = asyncio.Event()

    async def echo(connection):
        print("deflate", str(bool(connection.protocol.extensions)).lower(), flush=True)
        async for message in connection:
            await connection.send(message)
        print("closed", connection.close_code, flush=True)
        done.set()

    async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        print("listening", server.sockets[0].getsockname()[1], flush=True)
        await done.wait()


asyncio.run(main())
