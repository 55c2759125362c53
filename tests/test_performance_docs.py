"""docs/performance.md names programs that exist, and its pictures are of its tables."""

import re
from pathlib import Path

from bench.plot import PAGE, pictures

ROOT = Path(__file__).parents[1]


def test_the_pictures_are_those_of_the_tables() -> None:
    made = pictures(PAGE.read_text("utf-8"))
    assert made.keys() == {path.name for path in PAGE.with_suffix("").iterdir()}
    for name, svg in made.items():
        path = PAGE.with_suffix("") / name
        assert path.read_text("utf-8") == svg, "run python bench/plot.py"
        assert f"(performance/{name})" in PAGE.read_text("utf-8")


def test_every_program_and_page_that_is_named_exists() -> None:
    text = PAGE.read_text("utf-8")
    programs = set(re.findall(r"bench/\w+\.\w+", text))
    assert len(programs) > 10
    for named in [*programs, *(f"docs/{link}" for link in re.findall(r"\]\(([^)#]+)\)", text))]:
        assert (ROOT / named).exists(), named
