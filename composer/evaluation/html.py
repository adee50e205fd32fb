"""What pages are made of: escaped text, and figures in SVG."""

from __future__ import annotations

from html import escape

from composer.titles import one_line


def text(value: str) -> str:
    """Escaped, on one line, without control characters."""
    return escape(one_line(value, 2000))


def figure(title: str, width: int, height: int, inside: str) -> str:
    """An SVG of this size in units, which stand for pixels, under its title."""
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{text(title)}">{inside}</svg>'
    return f"<figure><figcaption>{text(title)}</figcaption>{svg}</figure>\n"
