"""Four Python libraries behind the same few methods; each is imported on first use.

`close` and `be_closed` return the code that the server has sent. `ping` returns when the matching pong has
arrived. `deflates_in` are the modes of our server in which the library's permessage-deflate works.
"""

import asyncio

ALL_MODES = ["shared", "takeover", "off"]
SUBPROTOCOLS = ["first.example", "second.example"]


class Websockets:
    deflates_in = ALL_MODES

    async def open(self, url, is_offered):
        from websockets.asyncio.client import connect

        compression = "deflate" if is_offered else None
        self.connection = await connect(url, subprotocols=SUBPROTOCOLS, compression=compression, max_size=None)
        self.subprotocol = self.connection.subprotocol
        self.is_deflated = bool(self.connection.protocol.extensions)

    async def send(self, message):
        await self.connection.send(message)

    async def receive(self):
        return await self.connection.recv()

    async def ping(self, data):
        await (await self.connection.ping(data))

    async def close(self, code, reason):
        await self.connection.close(code, reason)
        return self.connection.protocol.close_rcvd.code

    async def be_closed(self):
        await self.connection.wait_closed()
        return self.connection.protocol.close_rcvd.code


class Aiohttp:
    deflates_in = ALL_MODES

    async def open(self, url, is_offered):
        import aiohttp

        self.session = aiohttp.ClientSession()
        self.connection = await self.session.ws_connect(
            url, protocols=SUBPROTOCOLS, compress=15 if is_offered else 0, autoping=False, max_msg_size=0
        )
        self.subprotocol = self.connection.protocol
        self.is_deflated = bool(self.connection.compress)

    async def send(self, message):
        send = self.connection.send_str if isinstance(message, str) else self.connection.send_bytes
        await send(message)

    async def receive(self):
        return (await self.connection.receive()).data

    async def ping(self, data):
        await self.connection.ping(data)
        pong = await self.connection.receive()
        if (pong.type.name, bytes(pong.data)) != ("PONG", data):
            raise RuntimeError("the reply to a ping was %r" % (pong,))

    async def close(self, code, reason):
        await self.connection.close(code=code, message=reason.encode())
        await self.session.close()
        return self.connection.close_code

    async def be_closed(self):
        await self.connection.receive()
        await self.session.close()
        return self.connection.close_code


class Tornado:
    """The library ignores parameters without a value, so it keeps a context it must not keep (RFC 7692, 7.1.1.2):
    with "shared", we close with 1007."""

    deflates_in = ["takeover", "off"]

    async def open(self, url, is_offered):
        from tornado.websocket import websocket_connect

        options = {} if is_offered else None
        self.connection = await websocket_connect(url, subprotocols=SUBPROTOCOLS, compression_options=options)
        self.subprotocol = self.connection.selected_subprotocol
        extensions = self.connection.headers.get("Sec-WebSocket-Extensions", "")
        self.is_deflated = "permessage-deflate" in extensions

    async def send(self, message):
        await self.connection.write_message(message, binary=isinstance(message, bytes))

    async def receive(self):
        return await self.connection.read_message()

    async def ping(self, data):
        pong = asyncio.get_running_loop().create_future()
        self.connection.on_pong = pong.set_result
        self.connection.ping(data)
        if await pong != data:
            raise RuntimeError("the reply to a ping was %r" % pong.result())

    async def close(self, code, reason):
        self.connection.close(code, reason)
        return await self.be_closed()

    async def be_closed(self):
        message = await self.connection.read_message()
        if message is not None:
            raise RuntimeError("expected a close, received %r" % message)
        return self.connection.close_code


class WebsocketClient:
    """The library blocks, so each of its calls runs in a thread. It does not support permessage-deflate."""

    deflates_in = []

    async def open(self, url, is_offered):
        import websocket

        self.connection = await asyncio.to_thread(
            websocket.create_connection, url, timeout=20, subprotocols=SUBPROTOCOLS
        )
        self.subprotocol = self.connection.getsubprotocol()
        self.is_deflated = "sec-websocket-extensions" in self.connection.getheaders()

    async def send(self, message):
        send = self.connection.send if isinstance(message, str) else self.connection.send_binary
        await asyncio.to_thread(send, message)

    async def receive(self):
        return await asyncio.to_thread(self.connection.recv)

    async def ping(self, data):
        from websocket import ABNF

        await asyncio.to_thread(self.connection.ping, data)
        opcode, pong = await asyncio.to_thread(self.connection.recv_data, True)
        if (opcode, bytes(pong)) != (ABNF.OPCODE_PONG, data):
            raise RuntimeError("the reply to a ping was opcode %d, %r" % (opcode, pong))

    async def close(self, code, reason):
        await asyncio.to_thread(self.connection.send_close, code, reason.encode())
        return await self.be_closed()

    async def be_closed(self):
        from websocket import ABNF

        opcode, data = await asyncio.to_thread(self.connection.recv_data, True)
        self.connection.shutdown()
        if opcode != ABNF.OPCODE_CLOSE:
            raise RuntimeError("expected a close, received opcode %d" % opcode)
        return int.from_bytes(data[:2], "big")
