#!/usr/bin/env python3
"""Validates deploy/kubernetes/ against the published schemas, and its command lines against the binary.

    tests/kubernetes/run.py                  with target/debug/halloo
    tests/kubernetes/run.py --halloo FILE    with this binary

Installs the validator, which includes the schemas, below target/kubernetes, unless it is installed already.
Exits with 0 only if all manifests are valid, and if each deliberately broken one is refused.
"""

import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
WORK = TARGET / "kubernetes"
REQUIREMENTS = HERE / "requirements.txt"


def main():
    halloo = parse().halloo.resolve()
    if not os.access(halloo, os.X_OK):
        sys.exit("%s does not exist: run `cargo build`, or name another binary with --halloo" % halloo)
    python = install()
    sys.exit(subprocess.run([python, "-B", HERE / "check.py", halloo, ROOT / "deploy" / "kubernetes"]).returncode)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halloo", type=pathlib.Path, default=TARGET / "debug" / "halloo", metavar="FILE",
                        help="check command lines against this binary")
    return parser.parse_args()


def install():
    """The Python of a virtual environment with the pinned validator; kept until the pins change."""
    environment = WORK / "python"
    python = environment / "bin" / "python"
    installed = environment / "installed.txt"
    if installed.exists() and installed.read_text() == REQUIREMENTS.read_text():
        return python
    WORK.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "venv", "--clear", environment)
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "--no-deps",
        "-r", REQUIREMENTS)
    installed.write_text(REQUIREMENTS.read_text())
    return python


def run(*command):
    subprocess.run([str(word) for word in command], check=True)


if __name__ == "__main__":
    main()
