"""Row 6: stamps one line of each connection; socketserver closes it.

Usage: line_server.py promptly|late   (late: not before the client sends again, or closes)
"""
import sys
from socketserver import StreamRequestHandler, TCPServer

import wire


class OneLine(StreamRequestHandler):
    """The sockets as files."""

    def handle(self):
        wire.say("connected")
        self.wfile.write(wire.stamped(self.rfile.readline()))
        if sys.argv[1] == "late":
            wire.linger(self.connection)


def main():
    server = TCPServer(("127.0.0.1", 0), OneLine)
    wire.announce(server.socket)
    server.serve_forever()


if __name__ == "__main__":
    main()
