"""Row 3: challenges one client, prints its verdict on the hexadecimal answer, and closes.

Usage: verdict_server.py KEY-FILE
"""
import os
import sys

import wire


def main(path):
    listener = wire.listen()
    connection, _ = listener.accept()
    challenge = os.urandom(32)
    connection.send(challenge)
    expected = wire.answer(wire.key(path), challenge).hexdigest()
    received = connection.recv(1024).decode("utf-8")
    wire.say("genuine" if received == expected else "forged")
    connection.close()
    listener.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
