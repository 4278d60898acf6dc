"""Manifests that are broken on purpose: every check must refuse what it is for."""

import shutil

DEPLOYMENT = "server/deployment.yaml"
BENCH = "run/bench.yaml"
MERGE = "run/merge.yaml"

# A name, the file, what is replaced in it by what, and the words of the complaint.
BREAKS = [
    ("a misspelt field", DEPLOYMENT, "readinessProbe:", "readynessProbe:", "readynessProbe"),
    ("a field in the wrong place", BENCH, "  backoffLimit: 0", "  restartPolicy: Never", "restartPolicy"),
    ("a word for a number", BENCH, "completions: 4", "completions: four", "'four' is not of type"),
    ("a number for a word", MERGE, 'value: "4"', "value: 4", "4 is not of type"),
    ("a version that is gone", "server/horizontal-pod-autoscaler.yaml", "autoscaling/v2", "autoscaling/v2beta2",
     "Couldn't find schema"),
    ("a key that is there twice", DEPLOYMENT, "minReadySeconds: 5", "minReadySeconds: 5\n  minReadySeconds: 9",
     "minReadySeconds is there twice"),
    ("a file that is not there", "server/kustomization.yaml", "service.yaml", "services.yaml", "which is not there"),
    ("a file that nobody names", "server/kustomization.yaml", "  - service.yaml\n", "", "no kustomization names it"),
    ("variables of services", DEPLOYMENT, "enableServiceLinks: false", "enableServiceLinks: true",
     "enableServiceLinks must be false"),
    ("a token in the pod", MERGE, "automountServiceAccountToken: false", "automountServiceAccountToken: true",
     "automountServiceAccountToken must be false"),
    ("root", BENCH, "runAsNonRoot: true", "runAsNonRoot: false", "non-root"),
    ("a root filesystem to write to", BENCH, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
     "securityContext"),
    ("no limit of memory", MERGE, "limits:\n              memory: 64Mi", "limits:\n              cpu: 1",
     "no limit of memory"),
    ("less grace than draining takes", DEPLOYMENT, "GracePeriodSeconds: 45", "GracePeriodSeconds: 35",
     "must be more than 30 s"),
    ("generators one after the other", BENCH, "parallelism: 4", "parallelism: 1", "parallelism must be 4"),
    ("a merge of fewer results", MERGE, 'value: "4"', 'value: "3"', "GENERATORS must be 4"),
    ("a flag that there is not", BENCH, "--accept-invalid", "--accept-anything", "--accept-anything"),
    ("a value that is none", DEPLOYMENT, "--max-memory=256MiB", "--max-memory=some", "'some' for '--max-memory"),
    ("an address that is none", DEPLOYMENT, "ws://0.0.0.0:9527", "http://0.0.0.0:9527", "http"),
    ("a variable for no flag", BENCH, "name: HALLOO_START_AT", "name: HALLOO_BEGIN_AT", "--begin-at"),
    ("a flag that there is not, in a shell", MERGE, "--html", "--htm1", "--htm1"),
    ("a command that there is not", MERGE, "halloo report", "halloo rapport", "no manifest runs halloo report"),
]
CASES = [(name, words) for name, _, _, _, words in BREAKS]


def copy(directory, to, name):
    """A copy of the manifests that is broken in the way of this name."""
    [(file, old, new)] = [(file, old, new) for each, file, old, new, _ in BREAKS if each == name]
    shutil.copytree(directory, to)
    text = (to / file).read_text()
    if old not in text:
        raise SystemExit("%s has no %r to break" % (file, old))
    (to / file).write_text(text.replace(old, new, 1))
    return to
