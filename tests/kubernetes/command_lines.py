"""Whether the binary takes the command lines of the manifests.

Each is given to it with `--help` behind: it judges all words before, flags and their values, and then does nothing.
"""

import re
import subprocess

PATIENCE = 10
# What stands for a variable of Kubernetes or of the shell, whose value only the cluster knows.
SAMPLE = "2026-11-27T10:00:00Z"


def wrong_command_lines(halloo, objects):
    """What the binary has against the command lines in the objects; and against there being none of a command."""
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
    """How a container runs halloo: as its image does, or from a shell."""
    if "command" not in container:
        # The sample is of the type of --start-at, and good enough within the name of a file.
        words = [re.sub(r"\$\(\w+\)", SAMPLE, word) for word in container.get("args", [])]
        yield words + list(flags_of_environment(container))
        return
    for script in container.get("args", []):
        for line in re.findall(r"\bhalloo +([a-z]+ .*)", script.replace("\\\n", " ")):
            words = [re.sub(r"\$\w+|\$@", SAMPLE, word.replace('"', "")) for word in line.split()]
            yield words + list(flags_of_environment(container))


def flags_of_environment(container):
    """A variable HALLOO_A_B is the flag --a-b; as a flag its name is judged too."""
    for entry in container.get("env", []):
        if entry["name"].startswith("HALLOO_"):
            flag = entry["name"].removeprefix("HALLOO_").lower().replace("_", "-")
            yield "--%s=%s" % (flag, entry.get("value", SAMPLE))


def refusal(halloo, words):
    """Why the binary does not take the words; None if it does."""
    ended = subprocess.run([halloo, *words, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=PATIENCE)
    if ended.returncode == 0 and "Usage: halloo %s " % words[0] in ended.stdout:
        return None
    return (ended.stderr.strip() or "is no command").splitlines()[0]
