"""Row 8: the challenge inside WebSocket, answered in one of many ways; then each line of the input is a text message.

Usage: websocket_auth_client.py PORT KEY-FILE md5|sha256 MANNER
"""
import hashlib
import hmac
import sys

import frames
import wire

RIGHT = ["raw", "hex", "upper"]
# The answers to send, made from the bytes of the correct answer.
MANNERS = {
    "raw": lambda right: (frames.BINARY, right),
    "hex": lambda right: (frames.TEXT, to_hex(right)),
    "upper": lambda right: (frames.TEXT, to_hex(right).upper()),
    "wrong-raw": lambda right: (frames.BINARY, flipped(right)),
    "wrong-hex": lambda right: (frames.TEXT, to_hex(flipped(right))),
    "short-raw": lambda right: (frames.BINARY, right[:-1]),
    "short-hex": lambda right: (frames.TEXT, to_hex(right)[:-1]),
    "long-raw": lambda right: (frames.BINARY, right + b"\0"),
    "long-hex": lambda right: (frames.TEXT, to_hex(right) + b"0"),
    "empty": lambda right: (frames.BINARY, b""),
    "not-hex": lambda right: (frames.TEXT, b"g" * (2 * len(right))),
    "hex-in-binary": lambda right: (frames.BINARY, to_hex(right)),
}


def flipped(right):
    """The same length, with one wrong bit in the last place that a comparison reads."""
    return right[:-1] + bytes(bytearray([bytearray(right)[-1] ^ 1]))


def to_hex(right):
    """Two lower-case digits per byte."""
    return "".join("%02x" % byte for byte in bytearray(right)).encode("ascii")


def right_answer(secret, challenge, hash_name):
    """The bytes that prove the key."""
    if hash_name == "md5":
        return wire.answer(secret, challenge).digest()
    return hmac.new(secret, challenge, hashlib.sha256).digest()


def main(port, path, hash_name, manner):
    client = frames.Client(port)
    opcode, challenge = client.receive_message()
    assert (opcode, len(challenge)) == (frames.BINARY, 32), (opcode, challenge)
    right = right_answer(wire.key(path), challenge, hash_name)
    answer = frames.masked_frame(*MANNERS[manner](right))
    lines = list(wire.lines())
    texts = b"".join(frames.masked_frame(frames.TEXT, line) for line in lines)
    # The answer and all texts in one segment: no rule makes the client wait.
    client.socket.sendall(answer + texts)
    if manner not in RIGHT:
        wire.say("close %d" % client.await_close())
        return
    for _ in lines:
        wire.say(client.receive_message()[1])
    wire.say("close %d" % client.close())


if __name__ == "__main__":
    main(*sys.argv[1:])
