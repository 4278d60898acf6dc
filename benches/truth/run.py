#!/usr/bin/env python3
"""How often the load generator trusts a figure, and how often such a figure is wrong.

Every run of `halloo bench` is compared with a packet capture on `lo` with the kernel's timestamps, from
request out to response in. A trusted figure that differs from the capture's by more than 10 % and 100 µs is
counted as a lie.

    benches/truth/run.py [--bin target/release/halloo] [--runs 40] [--seconds 3] [--out FILE.csv]

It needs root, tcpdump, taskset and two CPUs: servers run on CPU 0, the generator on CPU 1. Each load is
measured alternately on a quiet machine and next to one busy loop that may run on either CPU.
"""
import argparse
import collections
import csv
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SIZE = 64
DELAY = 0.002
LOADS = {
    "open-5k": ("echo", ["-c", "50", "-r", "5k/s"]),
    "open-20k": ("echo", ["-c", "50", "-r", "20k/s"]),
    "closed-2ms": ("delayed", ["-c", "4"]),
}
FIGURES = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="target/release/halloo")
    parser.add_argument("--runs", type=int, default=40, help="runs of each load, both quiet and disturbed")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", choices=LOADS, help="measure only this load")
    parser.add_argument("--out", help="write one line per run to this file, as CSV")
    parser.add_argument("--keep", help="keep the result of each run in this directory")
    options = parser.parse_args()
    loads = {name: load for name, load in LOADS.items() if options.only in (None, name)}
    rows = []
    for turn in range(options.runs):
        for name, (server, flags) in loads.items():
            for disturbed in (False, True):
                row = measure(options, name, server, flags, disturbed)
                row["turn"] = turn
                rows.append(row)
                print("%-11s %-9s %-16s wire %s" % (name, "disturbed" if disturbed else "quiet", row["headline"], " ".join(
                    "%s %.0f/%s" % (figure, row["wire " + figure], "-" if row[figure] is None else "%.0f" % row[figure])
                    for figure, _ in FIGURES)), flush=True)
    if options.out:
        with open(options.out, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    summarize(rows)


def measure(options, name, server, flags, disturbed):
    """One run: the load generator's figures, and those of the packet capture."""
    with tempfile.TemporaryDirectory() as directory:
        started = [start_server(options, server)]
        url, port = started[0].url, started[0].port
        capture = os.path.join(directory, "wire.pcap")
        dump = subprocess.Popen(["taskset", "-c", "0", "tcpdump", "-i", "lo", "--nano", "-s", "160", "-B", "65536", "-w", capture,
                                 "tcp and port %d" % port], stderr=subprocess.PIPE)
        dump.stderr.readline()
        busy = subprocess.Popen(["sh", "-c", "while :; do :; done"]) if disturbed else None
        result = os.path.join(directory, "result.json")
        subprocess.run(["taskset", "-c", "1", options.bin, "bench", url, *flags, "--size", str(SIZE), "-d", "%ds" % options.seconds,
                        "--warmup", "500ms", "--progress", "none", "--json", result], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if busy:
            busy.kill()
            busy.wait()
        time.sleep(0.2)
        dump.send_signal(signal.SIGINT)
        dump.wait()
        for process in started:
            process.stop()
        said = json.load(open(result))
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
            kept = "%s-%s-%d.json" % (name, "disturbed" if disturbed else "quiet", time.time())
            os.rename(result, os.path.join(options.keep, kept))
        wire = sorted(round_trips(capture, port, said))
    row = {"kept": kept if options.keep else "", "load": name, "disturbed": disturbed, "headline": headline(said), "believed": ",".join(
        figure for figure, _ in FIGURES if figure not in said["not_believed"])}
    for figure, quantile in FIGURES:
        row[figure] = said["latency_us"][figure.replace(".", "_")]
        row["wire " + figure] = wire[min(len(wire) - 1, int(quantile * len(wire)))] if wire else 0.0
    row["messages"], row["captured"] = said["messages"]["received"], len(wire)
    row["cpu per message"] = said["generator"]["cpu"] * said["duration_s"] * 1e6 / max(1, said["messages"]["received"])
    return row


def headline(said):
    to = said["valid_to"]
    return "VALID to p%g" % to if said["verdict"] == "VALID" and to < 99.99 else said["verdict"]


def round_trips(capture, port, said):
    """From each request's packet to its response's, in µs, of the requests in the window."""
    began = time.mktime(time.strptime(said["started_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0" + said["started_at"][19:-1])
    ended = began + said["duration_s"]
    waiting = collections.defaultdict(list)
    streams = collections.defaultdict(dict)
    for at, source, target, payload in packets(capture):
        for start in range(0, len(payload) - SIZE + 1, SIZE):
            message = payload[start:start + SIZE]
            if target == port:
                streams[source][message] = at
            elif source == port:
                sent = streams[target].pop(message, None)
                if sent is not None and began <= sent < ended:
                    yield (at - sent) * 1e6


def packets(path):
    """(time, source port, target port, payload) of every TCP packet over IPv4."""
    with open(path, "rb") as file:
        data = file.read()
    scale = {b"\x4d\x3c\xb2\xa1": 1e-9, b"\xd4\xc3\xb2\xa1": 1e-6}[data[:4]]
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, held, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16:at + 16 + held]
        at += 16 + held
        if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        tcp = 14 + (frame[14] & 15) * 4
        source, target = struct.unpack_from(">HH", frame, tcp)
        payload = frame[tcp + (frame[tcp + 12] >> 4) * 4:14 + struct.unpack_from(">H", frame, 16)[0]]
        if payload:
            yield seconds + fraction * scale, source, target, payload


class Server:
    def __init__(self, process, url):
        self.process, self.url, self.port = process, url, int(url.rsplit(":", 1)[1])

    def stop(self):
        self.process.kill()
        self.process.wait()


def start_server(options, kind):
    if kind == "echo":
        command = [options.bin, "serve", "-q", "tcp://127.0.0.1:0"]
    else:
        command = [sys.executable, os.path.abspath(__file__), "--serve-delayed"]
    process = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return Server(process, process.stdout.readline().strip().removeprefix("listening "))


def serve_delayed():
    """Echoes every message 2 ms after it arrived."""
    listener = socket.create_server(("127.0.0.1", 0))
    print("listening tcp://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    ready, due = selectors.DefaultSelector(), collections.deque()
    ready.register(listener, selectors.EVENT_READ)
    while True:
        # Sleeping would be late by a random time of its own.
        for key, _ in ready.select(0 if due else None):
            if key.fileobj is listener:
                client = listener.accept()[0]
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(client, selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(65536)
            except OSError:
                data = b""
            if data:
                due.append((time.perf_counter() + DELAY, key.fileobj, data))
            else:
                ready.unregister(key.fileobj)
        while due and due[0][0] <= time.perf_counter():
            _, client, data = due.popleft()
            try:
                client.sendall(data)
            except OSError:
                pass


def summarize(rows):
    print("\n%-11s %-9s %5s %6s %6s %6s %7s   lies (believed, and off by more than 10 %% and 100 µs)" % (
        "load", "machine", "runs", "p50", "p90", "p99", "p99.9"))
    for key in sorted({(row["load"], row["disturbed"]) for row in rows}):
        mine = [row for row in rows if (row["load"], row["disturbed"]) == key]
        lies = collections.Counter()
        for row in mine:
            for figure, _ in FIGURES:
                wire, value = row["wire " + figure], row[figure]
                if figure in row["believed"].split(",") and value is not None:
                    lies[figure] += abs(value - wire) > max(100, 0.1 * wire)
        believed = ["%d" % sum(figure in row["believed"].split(",") for row in mine) for figure, _ in FIGURES]
        cpu = sorted(row["cpu per message"] for row in mine)
        print("%-11s %-9s %5d %6s %6s %6s %7s   %s   %.1f µs of CPU per message" % (
            key[0], "disturbed" if key[1] else "quiet", len(mine), *believed,
            ", ".join("%s %d" % (figure, lies[figure]) for figure, _ in FIGURES), cpu[len(cpu) // 2]))


if __name__ == "__main__":
    serve_delayed() if "--serve-delayed" in sys.argv else main()
