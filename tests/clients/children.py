"""Child processes of the runner, each with a time limit and killed by its own process id."""

import os
import signal
import socket
import subprocess
import tempfile
import threading

TIME_LIMIT = 60
DETAIL_LINES = 12


class Failure(Exception):
    """A failed check; the text is for the user."""


class Child:
    """A program in its own process group, which is killed at the end of its `with` block."""

    def __init__(self, *command):
        self.name = os.path.basename(str(command[0]))
        self.stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            encoding="utf-8",
            errors="replace",
            env=environment(),
            start_new_session=True,
        )
        self.is_late = False
        self.watchdog = threading.Timer(TIME_LIMIT, self.expire)
        self.watchdog.daemon = True
        self.watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watchdog.cancel()
        self.kill()
        self.process.communicate()
        self.stderr.close()

    def expire(self):
        self.is_late = True
        self.kill()

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def listening(self):
        """The listening address, from its first line."""
        line = self.process.stdout.readline()
        if not line.startswith("listening "):
            raise self.failure("does not listen: %r" % line)
        return line.split()[1]

    def terminate(self):
        """Asks it to stop; its exit status must be 0."""
        self.process.send_signal(signal.SIGTERM)
        self.finish()

    def finish(self, text=""):
        """Gives it this input and waits for exit status 0. Returns its output."""
        stdout, _ = self.process.communicate(text)
        if self.is_late:
            raise self.failure("did not exit within %d s" % TIME_LIMIT)
        if self.process.returncode != 0:
            raise self.failure("exit code %d" % self.process.returncode)
        return stdout

    def failure(self, what):
        """The failure, with the last output of the program."""
        return Failure("\n".join(["%s: %s" % (self.name, what), *self.log()[-DETAIL_LINES:]]))

    def log(self):
        """The lines of its stderr so far."""
        self.stderr.seek(0)
        return self.stderr.read().splitlines()


def environment():
    """Our environment, without variables that set halloo's flags or send loopback through a proxy."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HALLOO_") and not name.lower().endswith("_proxy")
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
