"""The pages of codes, made readable for a terminal, and the list of all codes."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator

from durwan.diagnostics.codes import CODES, Code
from durwan.diagnostics.terminal import Style, visible

_FENCE = re.compile(r"\s*(```+|~~~+)")
_HEADING = re.compile(r"#{1,6}\s+(?P<title>.*?)\s*#*$")
_ITEM = re.compile(r"(?P<bullet>\s*(?:[-*+]|[0-9]+[.)])\s+)(?P<text>.*)")
_STRONG = re.compile(r"\*\*(?P<text>[^*]+)\*\*")
_LINK = re.compile(r"\[(?P<text>[^]]+)\]\((?P<target>[^)\s]+)\)")
_READABLE_WIDTH = 100


def find_code(text: str) -> Code | None:
    """The code of this number (`P0101`, `p0101`) or name (`unknown-attribute`)."""
    wanted = text.strip()
    found = CODES.get(wanted.upper())
    return found or next((code for code in CODES.values() if code.name == wanted.lower()), None)


def nearest_code(text: str) -> str | None:
    """The number or name that was probably meant, if one is near."""
    wanted = text.strip()
    names = [code.name for code in CODES.values()]
    near = difflib.get_close_matches(wanted.upper(), CODES, n=1, cutoff=0.7)
    near = near or difflib.get_close_matches(wanted.lower(), names, n=1, cutoff=0.7)
    return near[0] if near else None


def list_codes(style: Style) -> str:
    """All codes, one a line: number, severity, name, and what it is."""
    width = max(len(code.name) for code in CODES.values())
    return "".join(
        f"{style.paint(code.code, 'bold')}  {style.paint(f'{code.severity:<7}', code.severity)}  "
        f"{code.name:<{width}}  {code.summary}\n"
        for code in CODES.values()
    )


def draw_page(code: Code, style: Style) -> str:
    """The page of a code: its title, then the Markdown of the page without its marks."""
    title = f"{code.severity}[{code.code}] {code.name}"
    lines = [style.paint(title, code.severity), "", *_render(_without_title(code.page), style)]
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


def _without_title(markdown: str) -> str:
    """The page below its own first heading, for which ours stands."""
    first, _, rest = markdown.lstrip().partition("\n")
    return rest.lstrip("\n") if first.startswith("# ") else markdown


def _render(markdown: str, style: Style) -> Iterator[str]:
    width = min(style.width, _READABLE_WIDTH)
    paragraph: list[str] = []
    fence: str | None = None
    for line in markdown.splitlines():
        opened = _FENCE.match(line)
        if fence is not None:
            if opened and opened[1].startswith(fence):
                fence = None
            else:
                yield "    " + visible(line)
            continue
        if opened or not line.strip() or _HEADING.match(line) or _ITEM.match(line):
            yield from _wrap(paragraph, width)
            paragraph = []
        if opened:
            fence = opened[1]
        elif heading := _HEADING.match(line):
            yield style.paint(visible(_inline(heading["title"])), "bold")
        elif line.strip():
            paragraph.append(line)
        else:
            yield ""
    yield from _wrap(paragraph, width)


def _wrap(paragraph: list[str], width: int) -> Iterator[str]:
    if not paragraph:
        return
    item = _ITEM.match(paragraph[0])
    bullet = item["bullet"] if item else ""
    text = " ".join([item["text"] if item else paragraph[0].strip(), *(line.strip() for line in paragraph[1:])])
    yield from textwrap.wrap(
        visible(_inline(text)),
        width,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _inline(text: str) -> str:
    """The text of a line without the marks of emphasis and links; code keeps its back-ticks."""
    return _LINK.sub(r"\g<text> (\g<target>)", _STRONG.sub(r"\g<text>", text))
