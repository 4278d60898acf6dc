"""Checks the command lines of the manifests against the binary.

Each runs with `--help` appended: the binary checks all flags and values before it, and then only prints its help.
"""

import re
import subprocess

PATIENCE = 10
# Replaces a variable of Kubernetes or of the shell, whose value only the cluster knows.
SAMPLE = "2026-11-27T10:00:00Z"


def wrong_command_lines(halloo, objects):
    """Complaints of the binary about the command lines in the objects, and commands that no object runs."""
    complaints, seen = [], set()
    for each in objects:
        for container in each.pod["containers"] if each.pod else []:
            for words in command_lines(container):
                seen.add(words[0])
                complaint = refusal(halloo, words)
                if complaint:
                    complaints.append(each.complain("halloo %s: %s" % (" ".join(words), complaint)))
    missing = {"serve", "bench", "report"} - seen
    return complaints + ["no manifest runs halloo %s" % name for name in sorted(missing)]


def command_lines(container):
    """The command line of a container: its image's entry point, or from a shell."""
    if "command" not in container:
        # The sample has the type of --start-at, and is valid within the name of a file.
        words = [re.sub(r"\$\(\w+\)", SAMPLE, word) for word in container.get("args", [])]
        yield words + list(flags_of_environment(container))
        return
    for script in container.get("args", []):
        for line in re.findall(r"\bhalloo +([a-z]+ .*)", script.replace("\\\n", " ")):
            words = [re.sub(r"\$\w+|\$@", SAMPLE, word.replace('"', "")) for word in line.split()]
            yield words + list(flags_of_environment(container))


def flags_of_environment(container):
    """A variable HALLOO_A_B is the flag --a-b; as a flag its name is checked too."""
    for entry in container.get("env", []):
        if entry["name"].startswith("HALLOO_"):
            flag = entry["name"].removeprefix("HALLOO_").lower().replace("_", "-")
            yield "--%s=%s" % (flag, entry.get("value", SAMPLE))


def refusal(halloo, words):
    """The reason why the binary refuses the words; None if it accepts them."""
    ended = subprocess.run([halloo, *words, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=PATIENCE)
    if ended.returncode == 0 and "Usage: halloo %s " % words[0] in ended.stdout:
        return None
    return (ended.stderr.strip() or "is not a command").splitlines()[0]
