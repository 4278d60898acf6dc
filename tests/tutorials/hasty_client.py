"""Row 4: sends the answer and all of its input in one segment, then reads until the end.

Usage: hasty_client.py PORT KEY-FILE
"""
import socket
import sys

import wire


def main(port, path):
    client = wire.dial(port)
    challenge = client.recv(32)
    wire.say("challenge %d" % len(challenge))
    client.sendall(wire.answer(wire.key(path), challenge).digest() + b"".join(wire.lines()))
    client.shutdown(socket.SHUT_WR)
    wire.say(wire.receive_to_end(client) or b"silence")
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
