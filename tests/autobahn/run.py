#!/usr/bin/env python3
"""Runs the Autobahn test suite against our server and our client.

    tests/autobahn/run.py                  groups 1 to 10, and one data set each of 12 and 13
    tests/autobahn/run.py --all            all 517 cases
    tests/autobahn/run.py --role server    one role only

Exits with 0 only if the outcome matches expected.json: the number of cases in each group, and OK for the
behaviour and the close of every case except the informational ones. The suite needs CPython 2.7, on PATH or
among pyenv's versions; without one, this prints a note and does nothing.
"""

import argparse
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
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
WORK = TARGET / "autobahn"
EXPECTED = json.loads((ROOT / "tests" / "autobahn" / "expected.json").read_text())
SOME = ["%d.*" % group for group in range(1, 11)] + ["12.1.*", "13.1.*"]
ALL = ["*"]

def main():
    arguments = parse_arguments()
    cases, counts = (ALL, EXPECTED["all"]) if arguments.all else (SOME, EXPECTED["some"])
    python2 = find_python2()
    if python2 is None:
        print("skipped: the Autobahn test suite needs CPython 2.7, which is not installed")
        return
    wstest = install(python2)
    subprocess.run(["cargo", "build", "--release", "--locked", "--bins", "--examples"], cwd=ROOT, check=True)
    tests = {"server": test_server, "client": test_client}
    roles = [arguments.role] if arguments.role else list(tests)
    if not all([judge(role, tests[role](wstest, cases), counts) for role in roles]):
        sys.exit(1)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="all 517 cases")
    parser.add_argument("--role", choices=["server", "client"], help="run one role only")
    return parser.parse_args()


def find_python2():
    candidates = sorted((pathlib.Path.home() / ".pyenv" / "versions").glob("2.7*/bin/python2.7"))
    for candidate in [shutil.which("python2.7"), *map(str, candidates)]:
        if candidate and subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return candidate
    return None


def install(python2):
    """A virtual environment with the pinned suite; kept between runs."""
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
    """The suite is the client, halloo the server."""
    server = subprocess.Popen(
        [TARGET / "release" / "halloo", "--quiet", "ws://127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    try:
        url = server.stdout.readline().split()[1]
        run_suite(wstest, "fuzzingclient", cases, servers=[{"agent": "halloo", "url": url}])
    finally:
        stop(server)
    return read_report("fuzzingclient")


def test_client(wstest, cases):
    """The suite is the server, our example client connects to it."""
    port = free_port()
    url = "ws://127.0.0.1:%d" % port
    spec = write_spec("fuzzingserver", cases, url=url)
    with open(WORK / "fuzzingserver.log", "w") as log:
        suite = subprocess.Popen([wstest, "-m", "fuzzingserver", "-s", spec], stdout=log, stderr=log)
        try:
            wait_for(port, suite)
            client = TARGET / "release" / "examples" / "autobahn_client"
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


def judge(role, report, counts):
    """Prints the table of one role. Returns whether it is as expected."""
    found = collections.Counter(case.split(".")[0] for case in report)
    outcomes = collections.Counter((case["behavior"], case["behaviorClose"]) for case in report.values())
    print("%s: %d cases" % (role, len(report)))
    print("  group  " + "".join("%5s" % group for group in counts))
    print("  cases  " + "".join("%5d" % found[group] for group in counts))
    for (behavior, close), count in sorted(outcomes.items()):
        print("  %d %s, closed %s" % (count, behavior, close))
    bad = [name for name, case in report.items() if not is_expected(name, case)]
    for name in sorted(bad):
        print("  case %s is %s, closed %s" % (name, report[name]["behavior"], report[name]["behaviorClose"]))
    if dict(found) != counts:
        print("  expected %s cases in the groups" % counts)
    return dict(found) == counts and not bad


def is_expected(name, case):
    expected = "INFORMATIONAL" if name in EXPECTED["informational"] else "OK"
    return case["behavior"] == expected and case["behaviorClose"] in ("OK", "INFORMATIONAL")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(300):
        if process.poll() is not None:
            sys.exit("the suite exited before it listened")
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
