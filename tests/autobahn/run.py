#!/usr/bin/env python3
"""Runs the Autobahn test suite against our server and our client.

    tests/autobahn/run.py            groups 1 to 10, and one data set each of 12 and 13
    tests/autobahn/run.py --all      all 517 cases

Exits with 0 only if every case is OK or informational, in its behaviour and in how it closes. The suite needs
CPython 2.7: it is looked for on PATH and among pyenv's versions, and without one this prints so and does nothing.
"""

import collections
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "autobahn"
SOME = ["%d.*" % group for group in range(1, 11)] + ["12.1.*", "13.1.*"]
ALL = ["*"]
GOOD = {"OK", "INFORMATIONAL"}


def main():
    cases = ALL if "--all" in sys.argv[1:] else SOME
    python2 = find_python2()
    if python2 is None:
        print("skipped: the Autobahn test suite needs CPython 2.7, and there is none")
        return
    wstest = install(python2)
    subprocess.run(["cargo", "build", "--release", "--locked", "--bins", "--examples"], cwd=ROOT, check=True)
    results = [("server", test_server(wstest, cases)), ("client", test_client(wstest, cases))]
    if not all([judge(role, report) for role, report in results]):
        sys.exit(1)


def find_python2():
    candidates = sorted((pathlib.Path.home() / ".pyenv" / "versions").glob("2.7*/bin/python2.7"))
    for candidate in [shutil.which("python2.7"), *map(str, candidates)]:
        if candidate and subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return candidate
    return None


def install(python2):
    """A virtual environment with the pinned suite; kept from run to run."""
    environment = WORK / "environment"
    wstest = environment / "bin" / "wstest"
    if wstest.exists():
        return wstest
    WORK.mkdir(parents=True, exist_ok=True)
    tools = WORK / "tools"
    run(sys.executable, "-m", "venv", tools)
    run(tools / "bin" / "pip", "install", "-q", "virtualenv==20.15.1", "setuptools==65.5.0")
    run(tools / "bin" / "python", "-m", "virtualenv", "-q", "-p", python2,
        "--pip", "20.3.4", "--setuptools", "44.1.1", environment)
    requirements = ROOT / "tests" / "autobahn" / "requirements.txt"
    run(environment / "bin" / "pip", "install", "-q", "--no-deps", "-r", requirements)
    return wstest


def run(*command):
    subprocess.run([str(word) for word in command], check=True)


def test_server(wstest, cases):
    """The suite is the client, ours the server."""
    server = subprocess.Popen(
        [ROOT / "target" / "release" / "halloo", "--quiet", "ws://127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    try:
        url = server.stdout.readline().split()[1]
        run_suite(wstest, "fuzzingclient", cases, servers=[{"agent": "halloo", "url": url}])
    finally:
        stop(server)
    return read_report("fuzzingclient")


def test_client(wstest, cases):
    """The suite is the server, ours the client."""
    port = free_port()
    url = "ws://127.0.0.1:%d" % port
    spec = write_spec("fuzzingserver", cases, url=url)
    with open(WORK / "fuzzingserver.log", "w") as log:
        suite = subprocess.Popen([wstest, "-m", "fuzzingserver", "-s", spec], stdout=log, stderr=log)
        try:
            wait_for(port, suite)
            client = ROOT / "target" / "release" / "examples" / "autobahn_client"
            subprocess.run([client, url], check=True)
        finally:
            stop(suite)
    return read_report("fuzzingserver")


def run_suite(wstest, mode, cases, **settings):
    spec = write_spec(mode, cases, **settings)
    with open(WORK / (mode + ".log"), "w") as log:
        subprocess.run([wstest, "-m", mode, "-s", spec], stdout=log, stderr=log, check=True)


def write_spec(mode, cases, **settings):
    shutil.rmtree(WORK / mode, ignore_errors=True)
    spec = dict(settings, outdir=str(WORK / mode), cases=cases)
    spec.update({"exclude-cases": [], "exclude-agent-cases": {}})
    path = WORK / (mode + ".json")
    path.write_text(json.dumps(spec))
    return path


def read_report(mode):
    return json.loads((WORK / mode / "index.json").read_text())["halloo"]


def judge(role, report):
    """Prints the table of one role; whether it is as expected."""
    counts = collections.Counter((case["behavior"], case["behaviorClose"]) for case in report.values())
    for (behavior, close), count in sorted(counts.items()):
        print("%s: %d cases %s, closed %s" % (role, count, behavior, close))
    bad = {name: case for name, case in report.items() if not {case["behavior"], case["behaviorClose"]} <= GOOD}
    for name, case in sorted(bad.items()):
        print("%s: case %s is %s, closed %s" % (role, name, case["behavior"], case["behaviorClose"]))
    # A suite that ran nothing proves nothing.
    return bool(report) and not bad


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(300):
        if process.poll() is not None:
            sys.exit("the suite ended before it listened")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("the suite does not listen")


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
