#!/usr/bin/env python3
"""Real WebSocket clients against our server, directly, over TLS and through nginx, and real servers against our clients.

    tests/clients/run.py                    builds the release binary first
    tests/clients/run.py --halloo FILE      tests this binary
    tests/clients/run.py --only WORD        only the lines that contain this word
    tests/clients/run.py --all              a missing client is a failure too

Prints one line per client and mode of compression. Exits with 0 only if something ran and nothing failed.
"""

import argparse
import contextlib
import functools
import json
import pathlib
import signal
import subprocess
import sys

# Leave no compiled files beside the sources.
sys.dont_write_bytecode = True

import browser
import proxy
from certificate import certificate_in
from children import Child, Failure
from installed import WITHOUT_DEFLATE, WORK, Clients

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODES = ["shared", "takeover", "off"]
BEHIND_NGINX = ["node-ws", "python-websockets"]
OVER_TLS = ["node-ws", "undici", "python-websockets", "python-aiohttp", "chromium"]
CONNECTIONS = 10
LOADS = {"closed": ["--depth", 4, "--messages", 2000], "open": ["--rate", "500/s", "--duration", "1s"]}
LINES = ["hello", "芝麻开门, naïve 🏔", "x" * 126, "the mountain answers " * 10_000]


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    halloo = arguments.halloo or build()
    there = Clients()
    if arguments.all and there.skipped:
        sys.exit("missing: " + ", ".join(there.skipped))
    outcomes = [judge(label, run) for label, run in runs(halloo, there) if arguments.only in label]
    if not outcomes:
        sys.exit("no test could be run")
    sys.exit(0 if all(outcomes) else 1)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--halloo", type=pathlib.Path, help="test this binary instead of building one")
    parser.add_argument("--only", default="", help="run only the lines that contain this word")
    parser.add_argument("--all", action="store_true", help="fail if a client is missing, instead of skipping it")
    return parser.parse_args()


def build():
    subprocess.run(["cargo", "build", "--release", "--locked", "--bin", "halloo"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "halloo"


def runs(halloo, there):
    """Every line that can run here, each with its function."""
    walks = {name: functools.partial(walk, command) for name, command in there.clients.items()}
    certificate = certificate_in(WORK)
    if there.chromium:
        flags = certificate.chromium_flags if certificate else []
        walks["chromium"] = functools.partial(browser.visit, there.chromium, flags)
    for mode in MODES:
        for name, client in walks.items():
            yield "%s deflate=%s via=direct" % (name, mode), functools.partial(try_server, halloo, mode, client)
        for name in OVER_TLS if certificate else []:
            if name in walks:
                run = functools.partial(try_server, halloo, mode, walks[name], certificate=certificate)
                yield "%s deflate=%s via=tls" % (name, mode), run
        for name in BEHIND_NGINX if there.nginx else []:
            if name in walks:
                run = functools.partial(try_server, halloo, mode, walks[name], there.nginx)
                yield "%s deflate=%s via=nginx" % (name, mode), run
        for name, command in there.servers.items():
            run = functools.partial(try_client, halloo, mode, name, command)
            yield "halloo-connect deflate=%s to=%s" % (mode, name), run
            for load, flags in LOADS.items():
                run = functools.partial(try_load, halloo, mode, name, command, flags)
                yield "halloo-bench deflate=%s loop=%s to=%s" % (mode, load, name), run


def judge(label, run):
    """Runs a line and prints the result, with the reason of a failure. Returns whether it passed."""
    try:
        run()
    except (Failure, OSError) as failure:
        print("failed %s: %s" % (label, str(failure).replace("\n", "\n    ")), flush=True)
        return False
    print("ok " + label, flush=True)
    return True


def walk(command, url, closing_url, mode):
    """A client that is a program."""
    with Child(*command, url, closing_url, mode) as child:
        child.finish()


def try_server(halloo, mode, client, nginx=None, certificate=None):
    """A client against our server: one server echoes and one closes."""
    place = [*certificate.flags, "wss://127.0.0.1:0"] if certificate else ["ws://127.0.0.1:0"]
    closing = ["--close-after", 3, *place]
    with serve(halloo, mode, *place) as url, serve(halloo, mode, *closing) as closing_url:
        with contextlib.ExitStack() as stack:
            urls = [url, closing_url]
            if nginx:
                urls = stack.enter_context(proxy.in_front(nginx, WORK / "nginx", *urls))
            client(*urls, mode)


@contextlib.contextmanager
def serve(halloo, mode, *arguments):
    """Our server; it must exit with status 0 and without warnings."""
    with Child(halloo, "serve", "--quiet", "--deflate", mode, *arguments) as server:
        yield server.listening()
        server.terminate()
        if server.log():
            raise server.failure("logged a warning")


def try_client(halloo, mode, name, command):
    """Our client against an echo server on another library."""
    with Child(*command) as server:
        url = "ws://127.0.0.1:" + server.listening()
        lines = "".join(line + "\n" for line in LINES)
        with Child(halloo, "connect", "--deflate", mode, url) as client:
            if client.finish(lines) != lines:
                raise client.failure("the replies are not the lines")
        said = server.finish().split("\n")
        expected = [deflate_line(mode, name), "closed 1000", ""]
        if said != expected:
            raise server.failure("says %s, not %s" % (said, expected))


def deflate_line(mode, name):
    """The line that a server prints about compression, offered or not."""
    return "deflate %s" % str(mode != "off" and name not in WITHOUT_DEFLATE).lower()


def try_load(halloo, mode, name, command, flags):
    """Our load generator against an echo server on another library: every echo is correct, even on a busy machine."""
    with Child(*command) as server:
        url = "ws://127.0.0.1:" + server.listening()
        measure = ["bench", "--connections", CONNECTIONS, "--deflate", mode, "--size", "1KiB", "--warmup", "200ms"]
        how = ["--accept-invalid", "--progress", "none", "--json", "-"]
        with Child(halloo, *measure, *flags, *how, url) as bench:
            result = json.loads(bench.finish())
            messages, connections = result["messages"], result["connections"]
            sent, received = messages.pop("sent"), messages.pop("received")
            is_right = sent == received > 0 and not any(messages.values()) and not result["errors"]
            if not is_right or connections["lost"] or connections["established"] != CONNECTIONS:
                raise bench.failure("%s: %s %s" % (result["verdict"], connections, result["messages"]))
        agreed = [line for line in server.finish().split("\n") if line.startswith("deflate")]
        expected = deflate_line(mode, name)
        if agreed != [expected] * CONNECTIONS:
            raise server.failure("says %s, not %s" % (agreed, expected))


if __name__ == "__main__":
    main()
