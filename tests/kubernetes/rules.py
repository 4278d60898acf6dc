"""Rules for our manifests beyond the schemas."""

import re

# The container of every pod: the Pod Security Standard `restricted`, and a read-only root
# filesystem.
HARDENED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def broken_rules(objects):
    """Complaints about the objects, one by one and together."""
    complaints = [each.complain(what) for each in objects if each.pod for what in against_pod(each.pod)]
    complaints += [each.complain(what) for each in objects if each.pod for what in against_draining(each.pod)]
    return complaints + list(against_counts(objects))


def against_pod(pod):
    # A Service named halloo becomes variables HALLOO_…, and those are flags.
    if pod.get("enableServiceLinks") is not False:
        yield "enableServiceLinks must be false"
    if pod.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken must be false"
    context = pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "the pod must run as non-root with the seccomp profile RuntimeDefault"
    for container in pod["containers"]:
        if container.get("securityContext") != HARDENED:
            yield "the container %s must have the securityContext %s" % (container["name"], HARDENED)
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield "the container %s has no memory limit" % container["name"]


def against_draining(pod):
    """Kubernetes kills at the end of the grace period, which includes the pause before SIGTERM."""
    for container in pod["containers"]:
        words = " ".join(container.get("args", []))
        drain = re.search(r"--drain-timeout[= ](\d+)s\b", words)
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if drain and pod.get("terminationGracePeriodSeconds", 30) <= int(drain[1]) + pause:
            yield "terminationGracePeriodSeconds must be more than %s s of draining and %d s before" % (drain[1], pause)
        if "serve" in container.get("args", []) and not drain:
            yield "the server must have a --drain-timeout in seconds"


def against_counts(objects):
    """All generators run at once, and the merge expects as many results."""
    jobs = {each.data["metadata"]["name"]: each for each in objects if each.data["kind"] == "Job"}
    if set(jobs) != {"halloo-bench", "halloo-merge"}:
        yield "there should be the Jobs halloo-bench and halloo-merge, not %s" % sorted(jobs)
        return
    bench, merge = jobs["halloo-bench"], jobs["halloo-merge"]
    generators = bench.data["spec"]["completions"]
    if bench.data["spec"].get("parallelism") != generators:
        yield bench.complain("parallelism must be %d, as completions is" % generators)
    environment = [entry for container in merge.pod["containers"] for entry in container.get("env", [])]
    if {"name": "GENERATORS", "value": str(generators)} not in environment:
        yield merge.complain("GENERATORS must be %d, as completions of the generators is" % generators)
