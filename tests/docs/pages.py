"""The pages that people read, taken apart: fences, tables, headings, links, and what is written as code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FRAGMENT = "<!-- fragment -->"
_FENCE = re.compile(r"^(?P<before>[^\n]*)\n+```(?P<kind>[a-z]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<goal>[^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def fences(self, kind: str) -> Iterator[str]:
        """Fenced blocks of a kind, but those that are marked as fragments."""
        for found in _FENCE.finditer(self.text):
            if found["kind"] == kind and found["before"].strip() != FRAGMENT:
                yield found["body"]

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        return [found["goal"] for found in _LINK.finditer(_CODE.sub("", self.prose))]

    @property
    def code(self) -> list[str]:
        return _CODE.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What a link may point to, as the forges make it of a heading."""
        return {slug(heading) for heading in _HEADING.findall(self.prose)}

    @property
    def commands(self) -> list[str]:
        """Lines that a reader may paste into a shell."""
        blocks = [body for kind in ("sh", "bash", "console", "") for body in self.fences(kind)]
        indented = [line.strip() for line in self.prose.splitlines() if line.startswith("    ")]
        return [line.strip() for body in blocks for line in body.splitlines()] + indented


def slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def all_pages() -> list[Page]:
    top = sorted(ROOT.glob("*.md"))
    below = sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "examples").glob("*.md"))
    return [Page(path) for path in top + below]


def page(name: str) -> Page:
    return Page(ROOT / name)


def first_cells(page: Page, heading: str) -> list[str]:
    """What stands as code in the first column of the tables below a heading, down to the next one of its rank."""
    rows = re.findall(r"^\| (`[^|]+) \|", _part(page, heading), re.MULTILINE)
    return [name for row in rows for name in _CODE.findall(row)]


def table(page: Page, heading: str) -> dict[str, str]:
    """The first two columns of the table below a heading."""
    (_, _, *rows) = re.findall(r"^\| ?([^|]+?) ?\| ?([^|]+?) ?\|", _part(page, heading), re.MULTILINE)
    return dict(rows)


def _part(page: Page, heading: str) -> str:
    rank = re.search(rf"^(#+) {re.escape(heading)}$", page.text, re.MULTILINE)
    assert rank is not None, f"{page.name} has no heading {heading!r}"
    below = page.text[rank.end() :]
    return re.split(rf"^#{{1,{len(rank[1])}}} ", below, maxsplit=1, flags=re.MULTILINE)[0]
