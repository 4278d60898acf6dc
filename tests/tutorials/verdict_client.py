"""Row 3: answers the challenge in hexadecimal digits and closes, or waits for the end.

Usage: verdict_client.py PORT KEY-FILE leaves|stays
"""
import sys

import wire


def main(port, path, manner):
    client = wire.dial(port)
    challenge = client.recv(1024)
    wire.say("challenge %d" % len(challenge))
    client.send(wire.answer(wire.key(path), challenge).hexdigest().encode("ascii"))
    if manner == "stays":
        wire.say("rest %d" % len(wire.receive_to_end(client)))
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
