"""Row 5: demands a raw answer to its challenge, then stamps the data of each recv. One client at a time.

Usage: stamp_server.py KEY-FILE
"""
import hmac
import os
import sys

import wire


def is_genuine(connection, secret):
    """The challenge, and one recv for the answer."""
    challenge = os.urandom(32)
    connection.sendall(challenge)
    expected = wire.answer(secret, challenge).digest()
    return hmac.compare_digest(connection.recv(len(expected)), expected)


def serve(connection, secret):
    """One client, from its first byte to its last."""
    if not is_genuine(connection, secret):
        wire.say("forged")
        return
    wire.say("genuine")
    for data in iter(lambda: connection.recv(1024), b""):
        connection.sendall(wire.stamped(data))
    wire.say("left")


def main(path):
    listener = wire.listen()
    while True:
        connection, _ = listener.accept()
        serve(connection, wire.key(path))
        connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
