"""Docstrings that are written to be read in a terminal, as reStructuredText.

fastjac's docstrings are plain text with a few habits, each of which becomes the markup that Sphinx knows:

- a word in backticks links to the public name that it is, if it is one, and is code otherwise;
- an indented block is code;
- `name : what it is`, on one line or on several, is an entry of a list of names;
- a line that begins with `Law:`, `Raises` or `Costs` begins a paragraph.

Sections that are underlined are numpydoc's, which runs behind this.
"""

import re
from itertools import pairwise

from docutils import nodes
from sphinx.roles import XRefRole

ENTRY = re.compile(r"((?:\*{0,2}\w+)(?:, \w+)*) : (.*)")
"""The names and the beginning of what is said of them."""
SEVERAL = re.compile(r"(?<=\.)  (?=\w+ : )")
"""Between two entries on one line."""
PARAGRAPH = re.compile(r"(?:Laws?: |Raises (?!$)|Costs )")
NAME = re.compile(r"(fastjac\.|net\.|Network\.|fj\.)?([A-Za-z_][\w.]*)(\(\))?")


def plain_role(name, rawtext, text, lineno, inliner, options=None, content=()):
    """What stands in single backticks: a link where it is a public name, else code."""
    if found := NAME.fullmatch(text):
        return XRefRole(innernodeclass=nodes.literal)("py:obj", f"`{text} <{found[2]}>`", f"{text} <{found[2]}>", lineno, inliner)
    return [nodes.literal(rawtext, text)], []


def unresolved(app, env, node, contnode):
    """A word in backticks that is no public name stays code; any other reference that leads nowhere is a warning."""
    return nodes.literal("", contnode.astext()) if node.get("reftype") == "obj" else None


def marked_up(lines):
    """The lines of a docstring, with markup in place of habits."""
    return _sections(list(_paragraphs(_entries(_escaped(_blocks(lines))))))


def _blocks(lines):
    """An indented block behind an empty line, and before the first section, is code."""
    result, indent = [], None
    for number, line in enumerate(lines):
        if _is_underline(line):
            return result + lines[number:]
        starts = line.startswith(" ") and not (result and result[-1])
        if indent is None and starts and not line.lstrip().startswith(">>>"):
            indent = len(line) - len(line.lstrip())
            result += ["::", ""]
        elif line and indent is not None and not line.startswith(" " * indent):
            indent = None
        result.append(line)
    return result


def _escaped(lines):
    """Bars outside of backticks are bars: `|x|` is no substitution. An example, up to its empty line, stays as it is."""
    in_example = False
    for line in lines:
        in_example = bool(line) and (in_example or line.startswith(">>>"))
        yield line if in_example or line.startswith(" ") or "|" not in line else _bars_escaped(line)


def _bars_escaped(line):
    return "`".join(part if number % 2 else part.replace("|", r"\|") for number, part in enumerate(line.split("`")))


def _entries(lines):
    """`name : text` as a term and its description; an empty line around a list of them."""
    listed = False
    for line in lines:
        parts = SEVERAL.split(line) if ENTRY.match(line) else [line]
        for found in map(ENTRY.match, parts):
            if found:
                yield from ([] if listed else [""]) + [found[1].replace("*", r"\*"), f"    {found[2]}"]
                listed = True
            else:
                if listed and line and not line.startswith(" "):
                    yield ""
                    listed = False
                yield line


def _paragraphs(lines):
    """An empty line before a law, what is raised, what it costs, and examples."""
    previous, in_examples = "", False
    for line in lines:
        begins_examples = line.startswith(">>>") and not in_examples
        if (PARAGRAPH.match(line) or begins_examples) and previous and not _is_underline(previous):
            yield ""
        yield line
        in_examples = bool(line) and (in_examples or begins_examples)
        previous = line


def _sections(lines):
    """No empty lines at the start of a section; prose behind its list is a section of its own, the notes."""
    result, in_section = [], False
    for line, following in pairwise([*lines, ""]):
        if _is_underline(line):
            in_section = True
        elif in_section and not line and result and _is_underline(result[-1]):
            continue
        elif in_section and line[:1].strip() and not result[-1] and not _is_underline(following):
            result += ["Notes", "-----"]
            in_section = False
        result.append(line)
    return result


def _is_underline(line):
    return bool(line) and set(line) == {"-"}


def on_docstring(app, what, name, obj, options, lines):
    lines[:] = marked_up(lines)


def setup(app):
    app.add_role("plain", plain_role)
    app.connect("autodoc-process-docstring", on_docstring, priority=400)
    app.connect("missing-reference", unresolved)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
