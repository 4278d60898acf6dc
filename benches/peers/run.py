#!/usr/bin/env python3
"""Measures halloo and echo servers on other libraries side by side, in interleaved runs.

Every server runs on the first CPU, the load generator (the bench `loopback`) on the last. Each round of a
workload visits every server once, so that other load on the machine affects all of them alike, and each round
starts with a different server. The figure of merit is the server's CPU time per message, and its ratio to the
reference within the same round. A server is restarted for each workload, and for each run of W6 and W7.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import plot
import servers
import table

WORKLOADS = ["W1", "W2", "W3", "W4", "W5", "W6", "W7"]
MEMORY = {"W6", "W7"}

# Seconds that one run may take in addition to the measured time: connecting, 10,000 handshakes,
# 30,000 idle connections.
RUN_PATIENCE = 300


def main():
    options = parse_arguments()
    target = servers.target_directory()
    chosen = choose(options, target)
    names = [server.name for server in chosen]
    options.reference = options.reference or usual_reference(names, options)
    if options.reference not in names:
        sys.exit(f"run.py: the reference {options.reference} is not among {', '.join(names)}")
    client = servers.build(names, target)
    # So that child processes are ended on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = empty_report(chosen, options)
    failures = []
    for workload in options.only:
        print(f"{workload} ", end="", flush=True, file=sys.stderr)
        rounds, broken = measure(workload, chosen, client, options)
        print(file=sys.stderr)
        failures += broken
        report["workloads"][workload] = collect(rounds, options.reference)
        # After each workload, so that an aborted run leaves its results.
        write(report, options, target / "peers")
    print(table.markdown(report))
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", type=listed, default=WORKLOADS, metavar="W1,W3", help="measure only these workloads")
    add("--peers", type=listed, metavar="A,B", help="measure only these servers [default: all]")
    add(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="measure this server too. {port} in COMMAND becomes a free port of 127.0.0.1; without it the"
        " command must print its URL. NAME=URL,PID is a running server. May be repeated",
    )
    add(
        "--reference",
        metavar="NAME",
        help="the server that is 1.00 [default: the first --peer, or raw_epoll]",
    )
    add("--runs", type=int, default=5, help="runs of each workload [default: 5]")
    add("--memory-runs", type=int, default=1, help="runs of W6 and W7, which hardly differ [default: 1]")
    add("--seconds", type=float, default=2, help="duration of each run of W1 to W4 [default: 2]")
    add("--text", action="store_true", help="send text, not binary")
    add("--deflate", action="store_true", help="use permessage-deflate, with only the servers that support it")
    add(
        "--output",
        type=Path,
        metavar="DIRECTORY",
        help="for the table and the plot [default: peers/ in the target directory, where results.json"
        " always goes]",
    )
    options = parser.parse_args()
    options.only = [name.upper() for name in options.only]
    unknown = set(options.only) - set(WORKLOADS)
    if unknown:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    try:
        options.peer = [servers.foreign(text) for text in options.peer]
    except ValueError as error:
        parser.error(str(error))
    return options


def listed(text):
    return [name for name in text.split(",") if name]


def choose(options, target):
    ours = servers.available(target, options.deflate)
    first = {name: ours.pop(name) for name in ("raw_epoll", "halloo") if name in ours}
    known = first | {server.name: server for server in options.peer} | ours
    names = options.peers or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"run.py: no such server: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def usual_reference(names, options):
    """The server from the command line, or raw_epoll, or the first one."""
    wanted = [server.name for server in options.peer] + ["raw_epoll", names[0]]
    return next(name for name in wanted if name in names)


def empty_report(chosen, options):
    return {
        "machine": machine(),
        "options": {
            "runs": options.runs,
            "seconds": options.seconds,
            "style": style(options),
            "reference": options.reference,
        },
        "labels": {server.name: server.label for server in chosen},
        "workloads": {},
    }


def measure(workload, chosen, client, options):
    """One workload: a list of rounds, each with a figure by server, and what failed."""
    rounds, failures = [], {}
    with contextlib.ExitStack() as running:
        places = {}
        for number in range(options.memory_runs if workload in MEMORY else options.runs):
            figures = {}
            for server in rotated(chosen, number):
                if server.name in failures:
                    continue
                if workload in MEMORY:
                    # Memory left from an earlier run must neither hide nor provide the memory of
                    # this one.
                    running.close()
                    places.clear()
                try:
                    if server.name not in places:
                        places[server.name] = running.enter_context(server.started())
                    figures[server.name] = run_once(workload, places[server.name], client, options)
                except (servers.Broken, OSError, subprocess.SubprocessError) as error:
                    failures[server.name] = f"{workload} {server.name}: {error}"
                print(".", end="", flush=True, file=sys.stderr)
            rounds.append(figures)
    return rounds, list(failures.values())


def rotated(chosen, number):
    """Rotates the order: the first server of a round finds different conditions than the last."""
    first = number % len(chosen)
    return chosen[first:] + chosen[:first]


def run_once(workload, place, client, options):
    """One figure of one server, as the load generator reports it."""
    url, pid = place
    command = [client, "--json", "--only", workload, "--runs", "1", "--seconds", str(options.seconds)]
    command += ["--target", url, "--pid", str(pid)]
    command += [f"--{name}" for name in ("text", "deflate") if getattr(options, name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_PATIENCE + options.seconds)
    if done.returncode != 0:
        raise servers.Broken(done.stderr.strip().removeprefix("loopback: "))
    line = json.loads(done.stdout)
    return {key: line[key] for key in ("describes", "unit")} | {
        "value": line["values"][0],
        "rate": line["rates"][0],
        "note": line["notes"][0],
    }


def collect(rounds, reference):
    """The report of a workload: per server the values of all rounds, and the ratios within them."""
    collected = {"describes": "", "unit": "", "servers": {}}
    for figures in rounds:
        beside = figures.get(reference)
        for name, figure in figures.items():
            collected |= {key: figure[key] for key in ("describes", "unit")}
            nothing = {"values": [], "rates": [], "notes": [], "ratios": []}
            kept = collected["servers"].setdefault(name, nothing)
            kept["values"].append(figure["value"])
            kept["rates"].append(figure["rate"])
            kept["notes"].append(figure["note"])
            if beside and beside["value"] > 0:
                kept["ratios"].append(figure["value"] / beside["value"])
    for kept in collected["servers"].values():
        kept["median"] = statistics.median(kept["values"])
        kept["ratio"] = statistics.median(kept["ratios"]) if kept["ratios"] else None
    return collected


def style(options):
    words = ["text" if options.text else "binary"]
    return " ".join(words + (["permessage-deflate"] if options.deflate else []))


def machine():
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line for line in facts if line.startswith("model name")]
    control = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "congestion control": control,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }


def write(report, options, directory):
    output = options.output or directory
    for place in (directory, output):
        place.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(json.dumps(report, indent=1) + "\n")
    (output / "results.md").write_text(table.markdown(report))
    (output / "results.svg").write_text(plot.svg(report))


if __name__ == "__main__":
    sys.exit(main())
