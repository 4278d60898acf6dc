"""Row 7: many clients open together and send in any order; each receives one stamped chunk, then the end.

Usage: crowd_client.py PORT COUNT
"""
import random
import sys
import time

import wire


def check_reply(reply, data):
    """Raises unless this is a well-formed stamp followed by the data."""
    time.strptime(reply[:26].decode("ascii"), "[%a %b %d %H:%M:%S %Y]")
    assert reply[26:] == b" " + data, (reply, data)


def main(port, count):
    clients = [(wire.dial(port), "哆啦A梦 %d".encode("utf-8") % number) for number in range(int(count))]
    random.shuffle(clients)
    for client, data in clients:
        client.send(data)
    random.shuffle(clients)
    for client, data in clients:
        check_reply(wire.receive_to_end(client), data)
        client.close()
    wire.say("%d answered" % len(clients))


if __name__ == "__main__":
    main(*sys.argv[1:])
