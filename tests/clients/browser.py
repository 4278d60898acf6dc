"""Headless Chromium: opens our page, which runs the list and posts its verdict back."""

import http.server
import pathlib
import queue
import tempfile
import threading
import time
import urllib.parse

from children import TIME_LIMIT, Child, Failure

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["chromium", "chromium-browser", "google-chrome"]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
]
FILES = {"/page.html": "text/html", "/list.mjs": "text/javascript"}


def visit(chromium, flags, url, closing_url, mode):
    """Raises the page's verdict as a failure, unless it is ok."""
    server = PageServer()
    query = urllib.parse.urlencode({"url": url, "closing_url": closing_url, "mode": mode})
    page = "http://127.0.0.1:%d/page.html?%s" % (server.server_port, query)
    try:
        with tempfile.TemporaryDirectory(prefix="halloo-", ignore_cleanup_errors=True) as profile:
            with Child(chromium, *FLAGS, *flags, "--user-data-dir=" + profile, page) as child:
                verdict = server.wait_for_verdict(child)
    finally:
        server.stop()
    if verdict != "ok":
        raise Failure(verdict)


class PageServer(http.server.ThreadingHTTPServer):
    """Serves the page and its script, and receives the verdict."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.verdicts = queue.Queue()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def wait_for_verdict(self, child):
        deadline = time.monotonic() + TIME_LIMIT
        while time.monotonic() < deadline and child.process.poll() is None:
            try:
                return self.verdicts.get(timeout=0.2)
            except queue.Empty:
                pass
        raise child.failure("exited or timed out before the page had a verdict")

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path not in FILES:
            self.send_error(404)
            return
        self.answer(FILES[path] + "; charset=utf-8", (HERE / path[1:]).read_bytes())

    def do_POST(self):
        words = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer("text/plain", b"")
        self.server.verdicts.put(words)

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Does not log requests."""
