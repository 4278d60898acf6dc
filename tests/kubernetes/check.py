"""Checks the manifests: the real ones must pass, and broken ones must be refused.

run.py runs it in the environment of the validator: check.py HALLOO DIRECTORY.
"""

import pathlib
import sys
import tempfile

import broken
import rendering
from command_lines import wrong_command_lines
from manifests import Wrong, objects_below
from rules import broken_rules
from schemas import VERSIONS, wrong_fields


def main():
    halloo, directory = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    complaints = complaints_about(halloo, directory) + rendering.complaints_about(directory)
    for complaint in complaints:
        print("failed " + complaint)
    if complaints:
        sys.exit(1)
    count = len(list(objects_below(directory)))
    print("ok %d objects, in the versions %s of Kubernetes" % (count, " and ".join(VERSIONS)), flush=True)
    accepted = [name for name, words in broken.CASES if not is_refused(halloo, directory, name, words)]
    sys.exit(1 if accepted else 0)


def complaints_about(halloo, directory):
    """All complaints about the manifests in a directory and below, each with its place."""
    try:
        objects = list(objects_below(directory))
    except Wrong as wrong:
        return [str(wrong)]
    complaints = [complaint for each in objects for complaint in wrong_fields(each)]
    if complaints:
        # The other checks expect the fields in their places.
        return complaints
    return broken_rules(objects) + wrong_command_lines(halloo, objects)


def is_refused(halloo, directory, name, words):
    """Prints and returns whether a copy broken in this way is refused with these words."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = broken.copy(directory, pathlib.Path(scratch) / "kubernetes", name)
        complaints = complaints_about(halloo, copy)
    if any(words in complaint for complaint in complaints):
        print("ok refused: " + name, flush=True)
        return True
    print("failed accepted: %s; expected %r, found %s" % (name, words, complaints), flush=True)
    return False


if __name__ == "__main__":
    main()
