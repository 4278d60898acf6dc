"""Installs the clients below target/clients, by their names in the registries; Debian's packages into the system.

Clients that cannot be installed are reported as skipped. Installed ones are not installed again.
"""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys

import browser

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "target" / "clients"
CONSTRAINTS = HERE / "requirements.txt"
NODE_PACKAGES = {"ws": "8.23.0", "undici": "7.30.2"}
# Each with its class in python_libraries.py; requirements.txt has the versions.
PYTHON_PACKAGES = {
    "websockets": "Websockets",
    "aiohttp": "Aiohttp",
    "websocket-client": "WebsocketClient",
    "tornado": "Tornado",
}
# A server without compression.
WITHOUT_DEFLATE = {"tungstenite"}
PATIENCE = 600


class Clients:
    """The installed programs: `clients` and `servers` are commands by name, `chromium` and `nginx` programs or None,
    `skipped` the names of missing ones."""

    def __init__(self):
        WORK.mkdir(parents=True, exist_ok=True)
        self.clients = {}
        self.servers = {}
        self.skipped = []
        self.add_node()
        self.add_python()
        self.add_tungstenite()
        self.chromium = self.debian_program("chromium", browser.NAMES)
        self.nginx = self.debian_program("nginx", ["nginx"])

    def add_node(self):
        programs = {"ws": ("node-ws", "node_client.mjs"), "undici": ("undici", "undici_client.mjs")}
        for package, (name, program) in programs.items():
            if self.attempt(name, functools.partial(install_node_package, package)):
                self.clients[name] = ["node", WORK / "node" / program]
        if "node-ws" in self.clients:
            self.servers["node-ws"] = ["node", WORK / "node" / "node_server.mjs"]

    def add_python(self):
        python = WORK / "python" / "bin" / "python"
        for package, library in PYTHON_PACKAGES.items():
            name = "python-" + package
            if self.attempt(name, functools.partial(install_python_package, python, package)):
                self.clients[name] = [python, "-B", HERE / "python_client.py", library]
        if "python-websockets" in self.clients:
            self.servers["python-websockets"] = [python, "-B", HERE / "python_server.py"]

    def add_tungstenite(self):
        if self.attempt("tungstenite", build_tungstenite_echo):
            self.servers["tungstenite"] = [ROOT / "target" / "debug" / "examples" / "tungstenite_echo"]

    def debian_program(self, package, names):
        """The path of the program with one of these names, installed first if necessary."""
        if not first_on_path(names):
            self.attempt(package, functools.partial(install_debian_package, package, names))
        return first_on_path(names)

    def attempt(self, name, install):
        try:
            install()
            return True
        except (OSError, subprocess.SubprocessError) as error:
            words = str(getattr(error, "stderr", None) or error)
            print("skipped %s: %s" % (name, words.strip().splitlines()[-1]), flush=True)
            self.skipped.append(name)
            return False


def build_tungstenite_echo():
    run("cargo", "build", "--locked", "--manifest-path", ROOT / "Cargo.toml", "--example", "tungstenite_echo")


def install_node_package(package):
    """Node looks for packages beside the importing program, so the programs are copied to the packages."""
    directory = WORK / "node"
    directory.mkdir(exist_ok=True)
    for program in HERE.glob("*.mjs"):
        shutil.copy(program, directory)
    run("node", "--version")  # The packages need Node.
    manifest = directory / "node_modules" / package / "package.json"
    version = NODE_PACKAGES[package]
    if not manifest.exists() or json.loads(manifest.read_text())["version"] != version:
        run("npm", "install", "--prefix", directory, "--no-audit", "--no-fund", "--ignore-scripts",
            "%s@%s" % (package, version))


def install_python_package(python, package):
    if installed_version(python, package) in CONSTRAINTS.read_text().split():
        return
    if not python.exists():
        run(sys.executable, "-m", "venv", "--clear", python.parents[1])
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:",
        "-c", CONSTRAINTS, package)


def installed_version(python, package):
    """The version as the constraints have it; none if the package is not listed."""
    question = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    try:
        return "%s==%s" % (package, run(python, "-c", question, package).strip())
    except (OSError, subprocess.SubprocessError):
        return None


def install_debian_package(package, names):
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-qq", "-y", "--no-install-recommends", package)
    if not first_on_path(names):
        raise OSError("the package has none of the programs " + ", ".join(names))


def first_on_path(names):
    # Debian puts nginx into a directory that is only in root's PATH.
    path = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def run(*command):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    words = [str(word) for word in command]
    ended = subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           env=environment, timeout=PATIENCE)
    return ended.stdout
