"""Row 5: types the next line of the input at a terminal whenever the prompt appears.

Usage: terminal.py PROGRAM ARGUMENT...   (prints the screen, exits with the program's exit code)
"""
import os
import pty
import signal
import sys

import wire

PROMPT = b">>> "


def read(terminal):
    """What appears next; nothing after the program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def converse(terminal):
    """The complete output on the screen."""
    screen, seen = b"", 0
    for line in wire.lines():
        while screen.find(PROMPT, seen) < 0:
            chunk = read(terminal)
            if not chunk:
                return screen
            screen += chunk
        seen = len(screen)
        os.write(terminal, line + b"\n")
    for chunk in iter(lambda: read(terminal), b""):
        screen += chunk
    return screen


def main(command):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", NO_COLOR="1")
        os.execv(command[0], command)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(wire.SECONDS)
    wire.say(converse(terminal))
    status = os.waitpid(pid, 0)[1]
    sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
