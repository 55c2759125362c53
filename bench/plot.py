"""The pictures of docs/performance.md, from its tables: `python bench/plot.py`.

A table below a line `<!-- plot: NAME.svg | TITLE | NOTE -->` becomes docs/performance/NAME.svg:
bars, for each row of the table one for each further column. Text and bars follow the reader's light
or dark theme.
"""

import re
from html import escape
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_TABLE = re.compile(r"^<!-- plot: (\S+\.svg) \| (.+?) \| (.+?) -->\n((?:\|.*\n)+)", re.MULTILINE)
WIDTH, LABELS, BAR, GAP, TOP = 760, 300, 16, 10, 58
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1c1f23 }
.note { fill: #5b6470 } .title { font-weight: 600 }
.bar0 { fill: #1f6fd6 } .bar1 { fill: #9aa4b0 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ed } .note { fill: #a3adb8 } .bar0 { fill: #6aa9f7 } .bar1 { fill: #6b7580 }
}
</style>"""


def pictures(page: str) -> dict[str, str]:
    """File name → SVG of every marked table."""
    return {
        name: _picture(title, note, [_cells(line) for line in table.splitlines()])
        for name, title, note, table in _TABLE.findall(page)
    }


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _picture(title: str, note: str, table: list[list[str]]) -> str:
    series, rows = table[0][1:], table[2:]
    largest = max(float(cell) for row in rows for cell in row[1:])
    lines = [f'<text class="title" x="0" y="16">{escape(title)}</text>']
    lines.append(f'<text class="note" x="0" y="36">{escape(note)}</text>')
    for number, name in enumerate(series if len(series) > 1 else ()):
        x = LABELS + number * 160
        lines.append(f'<rect class="bar{number}" x="{x}" y="26" width="12" height="12" rx="2"/>')
        lines.append(f'<text class="note" x="{x + 18}" y="36">{escape(name)}</text>')
    y = TOP
    for label, *cells in rows:
        middle = y + len(cells) * BAR / 2 + 4
        lines.append(
            f'<text x="{LABELS - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>'
        )
        for number, cell in enumerate(cells):
            # Of one column the first row is ours; of several each has its own colour.
            colour = number if len(cells) > 1 else int(label != rows[0][0])
            length = round((WIDTH - LABELS - 60) * float(cell) / largest, 1)
            lines.append(
                f'<rect class="bar{min(colour, 1)}" x="{LABELS}" y="{y}" width="{length}"'
                f' height="{BAR - 2}" rx="2"/><text class="note" x="{LABELS + length + 6}"'
                f' y="{y + 12}">{escape(cell)}</text>'
            )
            y += BAR
        y += GAP
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}"'
        f' height="{y}" role="img" aria-label="{escape(title)}">\n{STYLE}\n{body}\n</svg>\n'
    )


def main() -> None:
    """Writes them all."""
    folder = PAGE.with_suffix("")
    folder.mkdir(exist_ok=True)
    for name, svg in pictures(PAGE.read_text("utf-8")).items():
        (folder / name).write_text(svg, "utf-8")


if __name__ == "__main__":
    main()
