"""Row 1: every form of length, masks, and ways to split the stream; each message must come back unchanged.

Usage: websocket_client.py PORT
"""
import sys

import frames
import wire

# Each form of the length, at its first and at its last value.
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 200000]
GREETING = "芝麻开门 老衲洗头用飘柔".encode("utf-8")


def check_handshake(port):
    """The key of RFC 6455 and its accept value."""
    client = frames.Client(port, b"/chat", b"dGhlIHNhbXBsZSBub25jZQ==")
    accepted = client.fields[b"sec-websocket-accept"]
    assert accepted == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accepted
    wire.say("close %d" % client.close())


def check_lengths(client):
    """Binary messages of each size, and long texts of three-byte characters."""
    for size in SIZES:
        payload = (bytes(range(256)) * (size // 256 + 1))[:size]
        client.send(frames.BINARY, payload)
        assert client.receive_message() == (frames.BINARY, payload), size
        wire.say("binary %d" % size)
    for times in 1, 11, 5461, 6000:
        payload = "芝麻开门".encode("utf-8") * times
        client.send(frames.TEXT, payload)
        assert client.receive_message() == (frames.TEXT, payload), times
        wire.say("text %d" % len(payload))


def check_masks(client):
    """Four masks, zeros among them, and payloads of 0 to 8 bytes."""
    for mask in b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\xff\0\xff", b"\x12\x34\x56\x78":
        for length in range(9):
            client.socket.sendall(frames.masked_frame(frames.BINARY, GREETING[:length], mask))
            assert client.receive_message() == (frames.BINARY, GREETING[:length]), (mask, length)
    wire.say("masks")


def check_cuts(client):
    """Three frames in one segment, and one frame in a segment per byte."""
    together = [GREETING + b"%d" % number for number in range(3)]
    client.socket.sendall(b"".join(frames.masked_frame(frames.TEXT, text) for text in together))
    for text in together:
        assert client.receive_message() == (frames.TEXT, text), text
    wire.say("together")
    frame = frames.masked_frame(frames.TEXT, GREETING)
    for offset in range(len(frame)):
        client.socket.sendall(frame[offset : offset + 1])
    assert client.receive_message() == (frames.TEXT, GREETING)
    wire.say("apart")


def main(port):
    check_handshake(port)
    client = frames.Client(port)
    check_lengths(client)
    check_masks(client)
    check_cuts(client)
    client.send(frames.PING, GREETING)
    assert client.receive_message() == (frames.PONG, GREETING)
    wire.say("pong")
    wire.say("close %d" % client.close())


if __name__ == "__main__":
    main(*sys.argv[1:])
