"""Plots the results: for each workload one bar per server, with its ratio to the reference as length."""

from html import escape

import table

WIDTH = 880
MARGIN = 20
COLUMN_GAP = 28
COLUMN = (WIDTH - 2 * MARGIN - COLUMN_GAP) / 2
TITLE = 64
PANEL_HEAD = 30
ROW = 19
PANEL_GAP = 22
LABEL = 164
FIGURE = 124
# A longer bar is cut off, with a pointed end.
RATIO_MAX = 3.0
SCALE = (COLUMN - LABEL - FIGURE) / RATIO_MAX

STYLE = """
  .back { fill: #ffffff } .head { fill: #1f2328; font-weight: 600 } .text { fill: #1f2328 } .soft { fill: #59636e }
  .bar { fill: #b6bfca } .ours { fill: #1a7f5a } .line { stroke: #59636e } .spread { stroke: #1f2328 }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } .head, .text { fill: #e6edf3 } .soft { fill: #9198a1 }
    .bar { fill: #4b535d } .ours { fill: #2ea574 } .line { stroke: #9198a1 } .spread { stroke: #e6edf3 }
  }
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
  .title { font-size: 16px } .figure { font-variant-numeric: tabular-nums }
"""

LEGEND = [
    "The dotted line is the reference, 1.00×.",
    "A thin line in a bar: least to most of the runs.",
    f"A pointed bar is longer than {RATIO_MAX:g}× and cut off.",
    "Figures: the median, and its ratio to the reference.",
]


def svg(report):
    """The complete plot."""
    labels, workloads = report["labels"], report["workloads"]
    panel = PANEL_HEAD + ROW * len(labels) + PANEL_GAP
    rows = (len(workloads) + 1) // 2
    height = TITLE + panel * rows + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img"'
        f' width="{WIDTH}" height="{height:.0f}">',
        f"<title>{escape(title(report))}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{height:.0f}" rx="8"/>',
        text(MARGIN, 30, "head title", title(report)),
        text(MARGIN, 50, "soft", subtitle(report)),
    ]
    for index, (name, workload) in enumerate(workloads.items()):
        x = MARGIN + (index % 2) * (COLUMN + COLUMN_GAP)
        y = TITLE + (index // 2) * panel
        parts += draw_panel(x, y, name, workload, report)
    if len(workloads) % 2 == 1:
        x, y = MARGIN + COLUMN + COLUMN_GAP, TITLE + (rows - 1) * panel
        parts += [text(x, y + 18 + number * ROW, "soft", line) for number, line in enumerate(LEGEND)]
    return "\n".join(parts) + "\n</svg>\n"


def title(report):
    return f"Echo servers: cost as a ratio to {report['labels'][report['options']['reference']]}"


def subtitle(report):
    options, machine = report["options"], report["machine"]
    return (
        f"Shorter is better. Server CPU time or private memory; medians of {options['runs']} interleaved runs,"
        f" {options['style']}; {machine['cpu']}, Linux {machine['kernel'].partition('-')[0]}"
    )


def draw_panel(x, y, name, workload, report):
    labels = report["labels"]
    unit = workload["unit"]
    parts = [
        f'<g><text class="head" x="{x:.0f}" y="{y + 18:.0f}">{name}'
        f'<tspan class="soft" font-weight="400">  {escape(workload["describes"])} · {escape(unit)}</tspan></text>'
    ]
    for number, (server, label) in enumerate(labels.items()):
        top = y + PANEL_HEAD + number * ROW
        parts += draw_row(x, top, server, label, workload["servers"].get(server))
    one = x + LABEL + SCALE
    bottom = y + PANEL_HEAD + len(labels) * ROW
    parts.append(
        f'<line class="line" x1="{one:.1f}" x2="{one:.1f}" y1="{y + PANEL_HEAD - 3:.0f}" y2="{bottom:.0f}"'
        ' stroke-dasharray="2 2"/></g>'
    )
    return parts


def draw_row(x, top, server, label, measured):
    base = top + ROW - 6
    is_ours = server == "halloo"
    parts = [text(x, base, "head" if is_ours else "text", label)]
    if not measured or measured["ratio"] is None:
        return parts + [text(x + LABEL, base, "soft", "not measured")]
    start, ratio = x + LABEL, measured["ratio"]
    length = max(1.5, min(ratio, RATIO_MAX) * SCALE)
    shade = "ours" if is_ours else "bar"
    parts.append(f'<path class="{shade}" d="{bar(start, top + 3, length, ROW - 6, ratio > RATIO_MAX)}"/>')
    least, most = min(measured["ratios"]), max(measured["ratios"])
    if most <= RATIO_MAX and most - least > 0.01:
        middle = top + ROW / 2
        ends = f'x1="{start + least * SCALE:.1f}" x2="{start + most * SCALE:.1f}"'
        parts.append(f'<line class="spread" {ends} y1="{middle:.1f}" y2="{middle:.1f}"/>')
    figure = f"{table.short(measured['median'])}  ·  {table.times(ratio)}"
    parts.append(text(x + COLUMN, base, "text figure", figure, ' text-anchor="end"'))
    return parts


def bar(x, y, length, height, is_cut):
    """A bar; one that is cut off ends in a point."""
    tip = f"l6,{height / 2} l-6,{height / 2}" if is_cut else f"v{height}"
    return f"M{x:.1f},{y:.1f} h{length:.1f} {tip} h{-length:.1f} z"


def text(x, y, kind, content, more=""):
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}"{more}>{escape(content)}</text>'
