"""Renders the manifests with kustomize, if kubectl is installed."""

import pathlib
import re
import shutil
import subprocess
import tempfile

from manifests import objects_in
from rules import against_counts
from schemas import wrong_fields

PATIENCE = 60


def complaints_about(directory):
    """Both rendered parts must satisfy the schemas, and one number must set the number of generators."""
    if not shutil.which("kubectl"):
        print("skipped: kubectl, which renders the kustomizations, is not installed", flush=True)
        return []
    complaints = [complaint for part in [".", "run"] for each in rendered(directory / part)
                  for complaint in wrong_fields(each)]
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "kubernetes"
        shutil.copytree(directory, copy)
        bench = copy / "run" / "bench.yaml"
        bench.write_text(re.sub(r"completions: \d+", "completions: 7", bench.read_text()))
        return complaints + list(against_counts(rendered(copy / "run")))


def rendered(directory):
    ended = subprocess.run(["kubectl", "kustomize", directory], capture_output=True, text=True, timeout=PATIENCE)
    if ended.returncode != 0:
        raise SystemExit("kubectl kustomize %s: %s" % (directory, ended.stderr.strip()))
    return list(objects_in(ended.stdout, "rendered %s" % directory.name))
