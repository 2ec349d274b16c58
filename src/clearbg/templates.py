"""Templates of pages and Markdown files, filled in one way."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from clearbg.errors import ClearBGError

STYLE = """\
:root { --page: #f6f6f4; --card: #fff; --ink: #1d2126; --soft: #636a74; --rule: #e3e4e6; }
@media screen and (prefers-color-scheme: dark) {
  :root { --page: #14171a; --card: #1c2024; --ink: #e7e9ec; --soft: #98a0aa; --rule: #30363d; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1120px; padding: 2.5rem 1.25rem 4rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
p { margin: 0.35rem 0; }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 1rem;
}
.wide { overflow-x: auto; padding: 0.35rem 1rem; }
table { border-collapse: collapse; width: 100%; }
tbody > tr > * { border-top: 1px solid var(--rule); }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; margin-top: 0.5rem; }
@media (max-width: 480px) { body { padding-top: 1.5rem; } }
@media print {
  * { print-color-adjust: exact; }
  body { padding: 0; background: none; }
  .card, tr, svg { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""
"""What the pages have in common, for a template to put at the head of its own style."""


def render(template: Path, filters: Mapping[str, Callable[..., Any]], /, **values: Any) -> str:
    """The text of a template with `values`; the same arguments give the same text.

    What is put into a `.html.jinja` is escaped. Every template has the filter `cell`, and `STYLE`
    as `style`, which is not to be escaped.

    Args:
        filters: further filters, name -> function of a value.

    Raises:
        ClearBGError: the template is not there.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": cell, **filters}
    environment.globals["style"] = STYLE
    try:
        loaded = environment.get_template(template.name)
    except jinja2.TemplateNotFound as error:
        raise ClearBGError(f"{template} does not exist: install ClearBG again.") from error
    return loaded.render(**values)


def cell(value: object) -> str:
    """A value as text that stays inside its cell of a Markdown table."""
    return " ".join(str(value).replace("|", "\\|").replace("<", "&lt;").split())
