"""The client side of WebSocket by hand: opening handshake, masked frames out, unmasked frames in.

Runs unchanged on Python 2.7 and on every Python 3.
"""
import base64
import hashlib
import os
import struct

import wire

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


def accept_value(key):
    """The accept value for the client's key."""
    return base64.b64encode(hashlib.sha1(key + MAGIC).digest())


def masked_frame(opcode, payload, mask=None):
    """One whole frame, with the shortest form of its length."""
    mask = bytearray(mask or os.urandom(4))
    first, length = 0x80 | opcode, len(payload)
    if length < 126:
        head = struct.pack("!BB", first, 0x80 | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    masked = bytearray(byte ^ mask[i % 4] for i, byte in enumerate(bytearray(payload)))
    return head + bytes(mask + masked)


class Client(object):
    """A WebSocket connection to a port of this machine."""

    def __init__(self, port, target=b"/", key=None, fields=()):
        self.socket = wire.dial(port)
        self.reader = self.socket.makefile("rb")
        key = key or base64.b64encode(os.urandom(16))
        host = b"Host: 127.0.0.1:" + str(port).encode("ascii")
        upgrade = [b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13"]
        head = [b"GET " + target + b" HTTP/1.1", host] + upgrade + list(fields)
        head.append(b"Sec-WebSocket-Key: " + key)
        self.socket.sendall(b"\r\n".join(head) + b"\r\n\r\n")
        self.fields = self.receive_head()
        accepted = self.fields.get(b"sec-websocket-accept")
        assert accepted == accept_value(key), accepted

    def receive_head(self):
        """The fields of the response, which must be a 101."""
        status = self.reader.readline()
        assert status.startswith(b"HTTP/1.1 101 "), status
        fields = {}
        for line in iter(self.reader.readline, b"\r\n"):
            name, value = line.split(b":", 1)
            fields[name.strip().lower()] = value.strip()
        return fields

    def send(self, opcode, payload):
        """One message in one frame."""
        self.socket.sendall(masked_frame(opcode, payload))

    def receive_frame(self):
        """(FIN, RSV1, opcode, payload) of the next frame, which must be unmasked, its length in the shortest form."""
        first, length = bytearray(self.receive(2))
        assert first & 0x30 == 0 and length & 0x80 == 0, (first, length)
        if length == 126:
            (length,) = struct.unpack("!H", self.receive(2))
            assert length >= 126, length
        elif length == 127:
            (length,) = struct.unpack("!Q", self.receive(8))
            assert length >= 65536, length
        return bool(first & 0x80), bool(first & 0x40), first & 0x0F, self.receive(length)

    def receive_message(self):
        """(opcode, payload) of the next frame, which must be a whole message, not compressed."""
        final, compressed, opcode, payload = self.receive_frame()
        assert final and not compressed, (final, compressed, opcode)
        return opcode, payload

    def receive_close(self):
        """The code of the next frame, which must be a Close."""
        opcode, payload = self.receive_message()
        assert opcode == CLOSE, (opcode, payload)
        return struct.unpack("!H", payload[:2])[0]

    def receive(self, count):
        """Exactly `count` bytes."""
        received = self.reader.read(count)
        assert len(received) == count, "the server closed after %d of %d bytes" % (
            len(received),
            count,
        )
        return received

    def close(self, code=1000):
        """The closing handshake, begun here. Returns the code of the server's Close."""
        self.send(CLOSE, struct.pack("!H", code))
        answered = self.receive_close()
        self.expect_end()
        return answered

    def await_close(self):
        """The closing handshake, begun by the server. Returns its code."""
        code = self.receive_close()
        self.send(CLOSE, struct.pack("!H", code))
        self.expect_end()
        return code

    def expect_end(self):
        """The server must close now without further output."""
        rest = self.reader.read()
        assert rest == b"", rest
        self.socket.close()
