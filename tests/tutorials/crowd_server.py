"""Row 7: a thread for each connection, which stamps the data of one recv and closes.

Usage: crowd_server.py promptly|late   (late: not before the client sends again, or closes)
"""
import socketserver
import sys

import wire


class OneChunk(socketserver.BaseRequestHandler):
    """The bare socket."""

    def handle(self):
        wire.say("connected")
        self.request.send(wire.stamped(self.request.recv(1024)))
        if sys.argv[1] == "late":
            wire.linger(self.request)


def main():
    socketserver.TCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), OneChunk)
    server.daemon_threads = True
    wire.announce(server.socket)
    server.serve_forever()


if __name__ == "__main__":
    main()
