#!/usr/bin/env python3
"""What was measured in one run: a table against the goals, and how cost grows with the number of postings, as a plot.

  ledger.py LEDGER [DOCUMENT]

The scripts of this folder note figures in the file that $BENCH_LEDGER names. With DOCUMENT (docs/PERFORMANCE.md) the table is
also written between its marks, and the plot beside it. Standard library only.
"""
import json, math, os, sys

MARKS = ("<!-- measured -->", "<!-- /measured -->")


def note(what, figure, goal=None, holds=None, beside=None, ratio=None):
    """One line of the table: the figure as text, that of the other program beside it, what was wanted and whether it holds."""
    line("figure", what=what, figure=figure, goal=goal, holds=holds, beside=beside, ratio=ratio)


def point(curve, count, milliseconds):
    """One point of the plot."""
    line("point", curve=curve, count=count, ms=milliseconds)


def line(kind, **fields):
    if path := os.environ.get("BENCH_LEDGER"):
        with open(path, "a") as out:
            out.write(json.dumps({"kind": kind, **fields}) + "\n")


def table(figures):
    rows = [("what", "figure", "beside it", "ratio", "goal", "")]
    for f in figures:
        holds = {True: "holds", False: "**not reached**", None: ""}[f["holds"]]
        ratio = "" if f["ratio"] is None else f"{f['ratio']:.2f}"
        rows.append((f["what"], f["figure"], f["beside"] or "", ratio, f["goal"] or "", holds))
    rows.insert(1, tuple("---" for _ in rows[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def plot(points):
    """Both axes by tens; a curve for each name, which stands at its end."""
    width, height, left, bottom, top, right = 760, 380, 60, 40, 20, 230
    counts, times = [p["count"] for p in points], [p["ms"] for p in points]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    first, last = math.log10(min(counts)), math.log10(max(counts))
    x = lambda count: left + (math.log10(count) - first) / max(last - first, 1e-9) * (width - left - right)
    y = lambda ms: top + (high - math.log10(ms)) / max(high - low, 1) * (height - top - bottom)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for power in range(low, high + 1):
        out.append(f'<path d="M{left} {y(10 ** power):.1f}H{width - right}" stroke="#ddd"/>'
                   f'<text x="{left - 6}" y="{y(10 ** power) + 4:.1f}" text-anchor="end">{10 ** power:g} ms</text>')
    for count in sorted(set(counts)):
        out.append(f'<text x="{x(count):.1f}" y="{height - 16}" text-anchor="middle">{count:,}</text>')
    curves = {}
    for p in points:
        curves.setdefault(p["curve"], {})[p["count"]] = p["ms"]
    colours = ["#0b6e4f", "#b23a48", "#22577a", "#c77d0a", "#6a4c93", "#555"]
    ends = sorted(((y(curve[max(curve)]), name) for name, curve in curves.items()))
    places, above = {}, -math.inf
    for end, name in ends:
        above = places[name] = max(end, above + 15)
    for (name, curve), colour in zip(curves.items(), colours * len(curves)):
        path = " ".join(f"{'ML'[n > 0]}{x(count):.1f} {y(curve[count]):.1f}" for n, count in enumerate(sorted(curve)))
        out.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x(count):.1f}" cy="{y(ms):.1f}" r="3" fill="{colour}"/>' for count, ms in curve.items()]
        out.append(f'<text x="{width - right + 10}" y="{places[name] + 4:.1f}" fill="{colour}">{name}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    lines = [json.loads(text) for text in open(sys.argv[1])]
    figures = [l for l in lines if l["kind"] == "figure"]
    points = [l for l in lines if l["kind"] == "point"]
    print("\n" + table(figures))
    if len(sys.argv) > 2:
        document = sys.argv[2]
        text = open(document).read()
        begin, end = (text.index(mark) for mark in MARKS)
        with open(document, "w") as out:
            out.write(f"{text[:begin]}{MARKS[0]}\n{table(figures)}\n{text[end:]}")
        if points:
            with open(os.path.join(os.path.dirname(document), "search-growth.svg"), "w") as out:
                out.write(plot(points))


if __name__ == "__main__":
    main()
