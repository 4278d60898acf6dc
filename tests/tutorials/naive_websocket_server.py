"""Row 2: a beginner's WebSocket server, with all the shortcuts of one.

It treats each recv as one complete frame with a text, even control frames, and replies with a text. It handles
16-bit lengths for 126 bytes only, and sends a 64-bit length for longer payloads. It serves one client and exits.
"""
import struct

import frames
import wire

RESPONSE = (
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade:websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: %s\r\n"
    "WebSocket-Location: ws://127.0.0.1:9527\r\n\r\n"
)


def key_in(request):
    """The value of the only relevant field."""
    for line in request.decode("utf-8").split("\r\n"):
        if line.startswith("Sec-WebSocket-Key"):
            return line.split(":")[1].strip()
    raise ValueError("no key")


def text_in(frame):
    """The payload of a frame, with any opcode."""
    start = {126: 4, 127: 10}.get(frame[1] & 127, 2)
    mask, payload = frame[start : start + 4], frame[start + 4 :]
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)).decode("utf-8")


def bare_frame(payload):
    """A text frame; its length is not always in the shortest form."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + payload
    if length == 126:
        return struct.pack("!BBH", 0x81, 126, length) + payload
    return struct.pack("!BBQ", 0x81, 127, length) + payload


def main():
    listener = wire.listen()
    connection, _ = listener.accept()
    accept = frames.accept_value(key_in(connection.recv(1024)).encode("ascii"))
    connection.send((RESPONSE % accept.decode("ascii")).encode("ascii"))
    while True:
        received = connection.recv(8096)
        if not received:
            break
        connection.send(bare_frame(text_in(received).encode("utf-8")))


if __name__ == "__main__":
    main()
