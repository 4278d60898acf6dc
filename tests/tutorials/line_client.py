"""Row 6: a new connection for each line of the input, ended by CRLF; the server must close after the reply.

Usage: line_client.py PORT
"""
import sys

import wire


def main(port):
    for line in wire.lines():
        client = wire.dial(port)
        client.send(line + b"\r\n")
        reply = wire.receive_to_end(client)
        assert reply.endswith(b"\r\n"), reply
        wire.say(reply[:-2])
        client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
