"""Row 2: sends a browser's request headers, and two frames captured from a browser.

Usage: browser.py PORT
"""
import sys
import zlib

import frames
import wire

FIELDS = [
    b"Pragma: no-cache",
    b"Cache-Control: no-cache",
    b"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/70.0.3538.77 Safari/537.36",
    b"Origin: http://localhost:63342",
    b"Accept-Encoding: gzip, deflate, br",
    b"Accept-Language: zh-CN,zh;q=0.9",
    b"Cookie: session=ba01367c-59b9-41d4-81ba-30b70db282c6",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
]
CAUGHT = [b"\x81\x86#\xa47\x93\xc7\x19\x97v\x86\x19", b"\x81\x83\xceH\xb6\x85\xffz\x85"]


class Inflater:
    """The receiving half of permessage-deflate, if it was negotiated."""

    def __init__(self, extensions):
        self.is_negotiated = extensions.startswith(b"permessage-deflate")
        self.stream = zlib.decompressobj(-15)

    def message(self, client):
        """The next text message."""
        final, compressed, opcode, payload = client.receive_frame()
        assert final and opcode == frames.TEXT, (final, opcode)
        if not compressed:
            return payload
        assert self.is_negotiated
        return self.stream.decompress(payload + b"\0\0\xff\xff")


def main(port):
    client = frames.Client(port, b"/xxoo", b"jLSLU57WxRJACRQxlN47Tw==", FIELDS)
    inflater = Inflater(client.fields.get(b"sec-websocket-extensions", b""))
    for frame in CAUGHT:
        client.socket.sendall(frame)
        wire.say(inflater.message(client))
    wire.say("close %d" % client.close(1001))


if __name__ == "__main__":
    main(*sys.argv[1:])
