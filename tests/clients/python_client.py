"""The checks that every Python client runs against a server.

    python_client.py LIBRARY URL CLOSING_URL MODE

Runs once with the library's usual offer of permessage-deflate, if it has a working one, and once without.
"""

import asyncio
import os
import random
import sys

import python_libraries

SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20]
TEXTS = ["hello", "芝麻开门, naïve 🏔", ""]
CLOSES = [(1000, "done"), (4001, "芝麻关门"), (1000, "")]
LARGE = 5 << 20
PATIENCE = 20


class Mismatch(Exception):
    """A failed check."""


async def main(library, url, closing_url, mode):
    library = getattr(python_libraries, library)
    for is_offered in [True, False] if mode in library.deflates_in else [False]:
        await walk(library, url, closing_url, is_offered, is_offered and mode != "off")


async def walk(library, url, closing_url, is_offered, is_agreed):
    """Runs the whole list; raises at the first failed check."""
    client = await open_client(library, url, is_offered)
    expect("the subprotocol", client.subprotocol, python_libraries.SUBPROTOCOLS[0])
    expect("permessage-deflate", client.is_deflated, is_agreed)
    for text in TEXTS:
        await echo(client, text)
    for size in SIZES:
        await echo(client, random.Random(size).randbytes(size))
    await pipeline(client)
    await within("a pong", client.ping(b"are you there"))
    if is_agreed:
        line = "the mountain answers 山\n"
        await echo(client, line * (LARGE // len(line.encode())))
    await close(client, *CLOSES[0])
    for code, reason in CLOSES[1:]:
        await close(await open_client(library, url, is_offered), code, reason)
    await be_closed(await open_client(library, closing_url, is_offered))


async def open_client(library, url, is_offered):
    client = library()
    await within("the handshake", client.open(url, is_offered))
    return client


async def echo(client, message):
    await within("room to send", client.send(message))
    expect("an answer", await within("an answer", client.receive()), message)


async def pipeline(client):
    texts = [("%d " % index) * index for index in range(100)]
    for text in texts:
        await within("room to send", client.send(text))
    for text in texts:
        expect("a pipelined echo", await within("an echo", client.receive()), text)


async def close(client, code, reason):
    expect("the close code", await within("the reply to a close", client.close(code, reason)), code)


async def be_closed(client):
    for text in ["1", "2", "3"]:
        await echo(client, text)
    expect("the close code of the server", await within("the close of the server", client.be_closed()), 1000)


async def within(what, action):
    try:
        return await asyncio.wait_for(action, PATIENCE)
    except asyncio.TimeoutError:
        raise Mismatch("timed out waiting for " + what) from None


def expect(what, found, expected):
    if type(found) is not type(expected) or found != expected:
        raise Mismatch("%s is %s, not %s" % (what, describe(found), describe(expected)))


def describe(value):
    words = repr(value)
    return words if len(words) <= 80 else "%s of length %d" % (type(value).__name__, len(value))


async def tell(*arguments):
    """One line on the failure, without a library's own output at exit."""
    try:
        await main(*arguments)
    except Exception as error:
        print("%s: %s" % (type(error).__name__, error), file=sys.stderr, flush=True)
        os._exit(1)


asyncio.run(tell(*sys.argv[1:]))
