"""Comments as HTML: a subset of Markdown, in which nothing that a person writes can become a tag.

All is escaped first; only then do the few marks become tags of our own. Links go to the web and nowhere else.
"""

from __future__ import annotations

import re
from html import escape

from nbtrack.render.characters import visible

_MOST = 20_000
_FENCE = re.compile(r"^```[^\n`]*\n(.*?)(?:^```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*")
_ITALIC = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])")
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\((https?://[^\s()<>\"']{1,1000})\)")
_ITEM = re.compile(r"^[-*] +", re.MULTILINE)


def markdown_html(text: str) -> str:
    """Markdown as HTML: code, bold, italic, links, lists, paragraphs; anything else as it was typed."""
    text = visible(text, _MOST, keep="\n\t")
    parts = []
    end = 0
    for match in _FENCE.finditer(text):
        parts += [_prose(text[end : match.start()]), _pre(match[1])]
        end = match.end()
    return "".join([*parts, _prose(text[end:])])


def _pre(code: str) -> str:
    lines = "".join(f"<span>{escape(line) or '&#8203;'}</span>" for line in code.splitlines())
    return f"<pre>{lines}</pre>"


def _prose(text: str) -> str:
    found = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if not paragraph.strip():
            continue
        lines = paragraph.splitlines()
        if all(_ITEM.match(line) for line in lines):
            items = "".join(f"<li>{_inline(_ITEM.sub('', line, count=1))}</li>" for line in lines)
            found.append(f"<ul>{items}</ul>")
        else:
            found.append(f"<p>{'<br>'.join(map(_inline, lines))}</p>")
    return "".join(found)


def _inline(line: str) -> str:
    """One line; what is code is looked into no further."""
    parts = []
    end = 0
    for match in _CODE.finditer(line):
        parts += [_marked(line[end : match.start()]), f"<code>{escape(match[1])}</code>"]
        end = match.end()
    return "".join([*parts, _marked(line[end:])])


def _marked(text: str) -> str:
    parts = []
    end = 0
    for match in _LINK.finditer(text):
        address = escape(match[2], quote=True)
        parts += [_emphasised(text[end : match.start()])]
        parts += [f'<a href="{address}" rel="noopener noreferrer nofollow">{_emphasised(match[1])}</a>']
        end = match.end()
    return "".join([*parts, _emphasised(text[end:])])


def _emphasised(text: str) -> str:
    text = escape(text)
    text = _BOLD.sub(r"<strong>\1</strong>", text)
    return _ITALIC.sub(r"<em>\1</em>", text)
