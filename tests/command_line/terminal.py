"""Runs a program on a terminal and types at it.

Usage: terminal.py STEPS PROGRAM ARGUMENT...

STEPS is a JSON list of [text to wait for on the screen, text to type then]. Each wait starts after the last match.
Prints everything that was on the screen, and exits with the program's exit code.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios


def main(steps, command):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm")
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(15)
    screen, seen, ended = b"", 0, False

    def look():
        nonlocal screen
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            piece = b""
        screen += piece
        return bool(piece)

    for wanted, typed in steps:
        wanted, typed = wanted.encode(), typed.encode()
        while not ended and screen.find(wanted, seen) < 0:
            ended = not look()
        seen = max(seen, screen.find(wanted, seen) + len(wanted))
        while typed and not ended:
            # Typed text is echoed, so read while writing.
            readable, writable, _ = select.select([terminal], [terminal], [])
            if readable:
                ended = not look()
            if writable and not ended:
                typed = typed[os.write(terminal, typed[:256]):]
    while look():
        pass
    sys.stdout.buffer.write(screen)
    sys.stdout.flush()
    status = os.waitpid(pid, 0)[1]
    sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)


main(json.loads(sys.argv[1]), sys.argv[2:])
