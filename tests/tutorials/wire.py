"""Shared by the programs of all rows: key files, HMAC answers, bytes on sockets and standard streams.

Runs unchanged on Python 2.7 and on every Python 3.
"""
import hmac
import select
import socket
import sys
import time

SECONDS = 15


def key(path):
    """The key in a file: its bytes minus one trailing newline."""
    with open(path, "rb") as file:
        content = file.read()
    return content[:-1] if content.endswith(b"\n") else content


def answer(secret, challenge):
    """HMAC with the default hash of Python up to 3.7: MD5."""
    try:
        return hmac.new(secret, challenge)
    except (TypeError, ValueError):
        return hmac.new(secret, challenge, "md5")


def dial(port):
    """A connection to a port of this machine."""
    return socket.create_connection(("127.0.0.1", int(port)), SECONDS)


def listen():
    """A listener on a free port of this machine; prints the port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    announce(listener)
    return listener


def announce(listener):
    """Prints the port for the test."""
    say("listening %d" % listener.getsockname()[1])


def receive_to_end(connection):
    """All input until the peer closes."""
    received = b""
    while True:
        chunk = connection.recv(4096)
        if not chunk:
            return received
        received += chunk


def linger(connection):
    """Returns when the peer has sent more input or has closed: later output arrives at a closing server."""
    select.select([connection], [], [], SECONDS)


def stamped(data):
    """The data after a stamp of the local time."""
    return b"[" + time.ctime().encode("ascii") + b"] " + data


def lines():
    """The lines of standard input, as bytes without their ends."""
    stdin = getattr(sys.stdin, "buffer", sys.stdin)
    for line in iter(stdin.readline, b""):
        yield line.rstrip(b"\r\n")


def say(line):
    """Writes one line to standard output and flushes it."""
    stdout = getattr(sys.stdout, "buffer", sys.stdout)
    stdout.write((line if isinstance(line, bytes) else line.encode("utf-8")) + b"\n")
    stdout.flush()
