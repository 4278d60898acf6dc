"""The results as a Markdown table."""


def markdown(report):
    """A row for each server, a column for each workload: the median, its spread, and the ratio."""
    workloads = report["workloads"]
    lines = [method(report), ""]
    lines.append("| server | " + " | ".join(heading(*item) for item in workloads.items()) + " |")
    lines.append("| --- |" + " --- |" * len(workloads))
    for name, label in report["labels"].items():
        cells = [cell(workload["servers"].get(name)) for workload in workloads.values()]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    lines.append("")
    lines += [f"{name}: {workload['describes']}.  " for name, workload in workloads.items()]
    return "\n".join(lines) + "\n"


def method(report):
    """Describes machine and method in a sentence."""
    machine, options = report["machine"], report["options"]
    reference = report["labels"][options["reference"]]
    return (
        f"Median (least to most) of {options['runs']} interleaved runs, W1 to W4 of {options['seconds']:g} s,"
        f" {options['style']}; in bold the ratio to {reference}. Server on one CPU, load on another, loopback."
        f" {machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']},"
        f" {machine['congestion control']}, {machine['date']}."
    )


def heading(name, workload):
    return f"{name} {workload['unit'].partition('/')[0]}"


def cell(measured):
    if not measured:
        return "–"
    values = measured["values"]
    spread = f" ({short(min(values))} to {short(max(values))})" if len(values) > 1 else ""
    ratio = "" if measured["ratio"] is None else f" **{times(measured['ratio'])}**"
    return short(measured["median"]) + spread + ratio


def times(ratio):
    """A ratio, with its significant digits."""
    if ratio >= 10:
        return f"{ratio:,.0f}×"
    return f"{ratio:.2f}×" if ratio >= 0.1 else f"{ratio:.2g}×"


def short(value):
    """Three significant digits, or all digits of an integer."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1 else f"{value:.3f}"
