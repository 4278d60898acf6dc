"""The measured servers: how each is built, started, located and ended."""

import contextlib
import json
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# Seconds within which a server must be listening, or must have exited.
PATIENCE = 10

# The CPU of the servers. The load generator takes the last one.
SERVER_CPU = 0

URL = re.compile(r"(?:ws|tcp|tls)://\S+")

# Peers in Rust: the name of the program, and the crate that it represents.
CRATES = {
    "tokio_websockets": "tokio-websockets",
    "fastwebsockets": "fastwebsockets",
    "sockudo_ws": "sockudo-ws",
    "tokio_tungstenite": "tokio-tungstenite",
}
# Servers that accept permessage-deflate, enabled by a flag of that name.
DEFLATE = {"sockudo_ws", "node_ws"}


class Broken(Exception):
    """A server that cannot be measured."""


class Server:
    """A kind of server: a command that starts it, or a running process."""

    def __init__(self, name, label, command=None, running=None):
        self.name = name
        self.label = label
        self.command = command
        self.running = running

    @contextlib.contextmanager
    def started(self):
        """Yields (URL, process id) of a running server, and ends it if it was started here."""
        if self.running:
            yield self.running
            return
        port = str(free_port())
        command = [part.replace("{port}", port) for part in self.command]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CPU}),
        )
        try:
            if command == self.command:
                url = announced(process)
            else:
                url = reachable(process, port)
            yield url, process.pid
        finally:
            process.kill()
            process.wait(PATIENCE)
            process.stdout.close()


def foreign(option):
    """A server from `NAME=COMMAND` or `NAME=URL,PID`."""
    name, separator, rest = option.partition("=")
    if not separator or not rest:
        raise ValueError(f"{option!r} is neither NAME=COMMAND nor NAME=URL,PID")
    if URL.match(rest):
        url, _, pid = rest.rpartition(",")
        return Server(name, name, running=(url, int(pid)))
    return Server(name, name, command=shlex.split(rest))


def available(target, deflate):
    """The servers of the project, by name: how to start them once they are built."""
    versions = locked_versions()
    built = target / "peers" / "release"
    node = target / "peers" / "node"
    halloo = [str(target / "release" / "halloo"), "serve", "ws://127.0.0.1:0"]
    servers = [
        Server("raw_epoll", "raw epoll, no protocol", [str(built / "raw_epoll"), "127.0.0.1:0"]),
        Server("halloo", "halloo", halloo),
    ]
    for program, crate in CRATES.items():
        command = [str(built / program), "127.0.0.1:0"]
        servers.append(Server(program, f"{crate} {versions[crate]}", command))
    package = json.loads((HERE / "node" / "package.json").read_text())
    command = ["node", str(node / "server.mjs"), "127.0.0.1:0"]
    servers.append(Server("node_ws", f"Node ws {package['dependencies']['ws']}", command))
    if deflate:
        servers = [server for server in servers if server.name in DEFLATE | {"halloo"}]
        for server in servers:
            server.command += ["--deflate"] if server.name in DEFLATE else []
    return {server.name: server for server in servers}


def build(names, target):
    """Builds the named servers. Returns the load generator, which is part of halloo."""
    client = build_client()
    programs = [name for name in names if name in CRATES or name == "raw_epoll"]
    if programs:
        chosen = [argument for name in programs for argument in ("--bin", name)]
        environment = os.environ | {"CARGO_TARGET_DIR": str(target / "peers")}
        command = ["cargo", "build", "--locked", "--release", *chosen]
        subprocess.run(command, cwd=HERE, env=environment, check=True)
    if "node_ws" in names:
        install_node(target / "peers" / "node")
    return client


def target_directory():
    """The target directory of the project."""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return Path(json.loads(output)["target_directory"])


def build_client():
    command = ["cargo", "bench", "--locked", "--bench", "loopback", "--no-run"]
    command += ["--message-format", "json-render-diagnostics"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in output.splitlines():
        message = json.loads(line)
        if message.get("target", {}).get("name") == "loopback" and message.get("executable"):
            return message["executable"]
    raise Broken("cargo did not report the path of the load generator")


def install_node(directory):
    # Node looks for packages beside the module, so the module is copied to them.
    directory.mkdir(parents=True, exist_ok=True)
    same = True
    for source in (HERE / "node").iterdir():
        copy = directory / source.name
        same = same and copy.exists() and copy.read_bytes() == source.read_bytes()
        shutil.copyfile(source, copy)
    if not same or not (directory / "node_modules" / "ws").exists():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=directory, check=True)


def locked_versions():
    lock = tomllib.loads((HERE / "Cargo.lock").read_text())
    return {package["name"]: package["version"] for package in lock["package"]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def announced(process):
    """The URL in the first output of the server."""
    end = time.monotonic() + PATIENCE
    said = b""
    while not (b"\n" in said and URL.search(said.decode())):
        ready, _, _ = select.select([process.stdout], [], [], max(0, end - time.monotonic()))
        more = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not more:
            raise Broken(f"printed {said.decode(errors='replace')!r} and not its address")
        said += more
    return URL.search(said.decode()).group()


def reachable(process, port):
    """The URL of a server with a given port, once it accepts connections there."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), PATIENCE).close()
            return f"ws://127.0.0.1:{port}/"
        time.sleep(0.02)
    raise Broken(f"does not listen on port {port}")
