"""Deliberately broken manifests: every check must refuse its case."""

import shutil

DEPLOYMENT = "server/deployment.yaml"
BENCH = "run/bench.yaml"
MERGE = "run/merge.yaml"

# A name, the file, the replaced text, its replacement, and a part of the complaint.
BREAKS = [
    ("a misspelt field", DEPLOYMENT, "readinessProbe:", "readynessProbe:", "readynessProbe"),
    ("a field in the wrong place", BENCH, "  backoffLimit: 0", "  restartPolicy: Never", "restartPolicy"),
    ("a string for a number", BENCH, "completions: 4", "completions: four", "'four' is not of type"),
    ("a number for a string", MERGE, 'value: "4"', "value: 4", "4 is not of type"),
    ("a removed version", "server/horizontal-pod-autoscaler.yaml", "autoscaling/v2", "autoscaling/v2beta2",
     "Couldn't find schema"),
    ("a duplicate key", DEPLOYMENT, "minReadySeconds: 5", "minReadySeconds: 5\n  minReadySeconds: 9",
     "duplicate key minReadySeconds"),
    ("a missing file", "server/kustomization.yaml", "service.yaml", "services.yaml", "which does not exist"),
    ("an unreferenced file", "server/kustomization.yaml", "  - service.yaml\n", "", "no kustomization includes it"),
    ("variables of services", DEPLOYMENT, "enableServiceLinks: false", "enableServiceLinks: true",
     "enableServiceLinks must be false"),
    ("a token in the pod", MERGE, "automountServiceAccountToken: false", "automountServiceAccountToken: true",
     "automountServiceAccountToken must be false"),
    ("root", BENCH, "runAsNonRoot: true", "runAsNonRoot: false", "non-root"),
    ("a writable root filesystem", BENCH, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
     "securityContext"),
    ("a missing memory limit", MERGE, "limits:\n              memory: 64Mi", "limits:\n              cpu: 1",
     "no memory limit"),
    ("less grace than drain time", DEPLOYMENT, "GracePeriodSeconds: 45", "GracePeriodSeconds: 35",
     "must be more than 30 s"),
    ("generators one after the other", BENCH, "parallelism: 4", "parallelism: 1", "parallelism must be 4"),
    ("a merge of too few results", MERGE, 'value: "4"', 'value: "3"', "GENERATORS must be 4"),
    ("an unknown flag", BENCH, "--accept-invalid", "--accept-anything", "--accept-anything"),
    ("an invalid value", DEPLOYMENT, "--max-memory=256MiB", "--max-memory=some", "'some' for '--max-memory"),
    ("an invalid address", DEPLOYMENT, "ws://0.0.0.0:9527", "http://0.0.0.0:9527", "http"),
    ("a variable without a flag", BENCH, "name: HALLOO_START_AT", "name: HALLOO_BEGIN_AT", "--begin-at"),
    ("an unknown flag in a shell command", MERGE, "--html", "--htm1", "--htm1"),
    ("an unknown command", MERGE, "halloo report", "halloo rapport", "no manifest runs halloo report"),
]
CASES = [(name, words) for name, _, _, _, words in BREAKS]


def copy(directory, to, name):
    """A copy of the manifests, broken in the named way."""
    [(file, old, new)] = [(file, old, new) for each, file, old, new, _ in BREAKS if each == name]
    shutil.copytree(directory, to)
    text = (to / file).read_text()
    if old not in text:
        raise SystemExit("%s has no %r to break" % (file, old))
    (to / file).write_text(text.replace(old, new, 1))
    return to
