"""Row 4: answers the challenge with raw bytes, then sends each line of its input and reads the stamped reply.

Usage: stamp_client.py PORT KEY-FILE
"""
import sys

import wire


def main(port, path):
    client = wire.dial(port)
    challenge = client.recv(32)
    client.sendall(wire.answer(wire.key(path), challenge).digest())
    for line in wire.lines():
        client.sendall(line)
        wire.say(client.recv(1024))
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
