"""nginx between a client and two servers."""

import contextlib
import pathlib
import socket
import time
import urllib.parse

from children import Child, free_port

HERE = pathlib.Path(__file__).resolve().parent


@contextlib.contextmanager
def in_front(nginx, directory, echo_url, closing_url):
    """Runs nginx in this directory. Yields the URLs to use instead of these two."""
    port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    text = (HERE / "nginx.conf.in").read_text()
    for mark, value in [("@PORT@", str(port)), ("@ECHO@", host(echo_url)), ("@CLOSING@", host(closing_url))]:
        text = text.replace(mark, value)
    (directory / "nginx.conf").write_text(text)
    with Child(nginx, "-p", directory, "-e", "error.log", "-c", "nginx.conf") as child:
        wait_for(port, child)
        yield ["ws://127.0.0.1:%d/%s" % (port, path) for path in ("echo", "closing")]


def host(url):
    return urllib.parse.urlsplit(url).netloc


def wait_for(port, child):
    while child.process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise child.failure("exited before it listened")
