"""The page that `dvc plots show` and `dvc plots diff` fill, for work without network.

DVC's own page loads the libraries that draw its charts (Vega, Vega-Lite and Vega-Embed) from a
content network. This one holds them; the package vl-convert-python brings them.
"""

import vl_convert

from clearbg.system import process
from clearbg.system.files import write_text
from clearbg.system.project import root

VEGA_LITE = "5.20"  # of the same major version as DVC's charts
PLACE = "tmp/plots.html"  # in .dvc, whose tmp git leaves out
EMBED = """window.vegaEmbed = (place, chart) => vegaEmbed(place, chart, { renderer: "canvas",
  actions: { export: true, source: false, compiled: false, editor: false } });"""
"""The menu of a chart saves it; its other entries would show its source, or need the network."""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Curves</title>
{refresh_tag}
<style>
body { margin: 2rem; font: 16px/1.5 system-ui, sans-serif; }
body > div { display: inline-block; margin: 0 2rem 2rem 0; vertical-align: top; }
table { border-spacing: 15px; }
</style>
<script>
LIBRARIES
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""
"""DVC puts its parts in place of {refresh_tag} and {plot_divs}."""


def write() -> None:
    """Write the page into the project's .dvc, and tell this clone's DVC to take it.

    Raises:
        CommandError: DVC cannot write its settings.
        ClearBGError: the page cannot be written.
    """
    libraries = vl_convert.javascript_bundle(EMBED, VEGA_LITE)
    write_text(root() / ".dvc" / PLACE, PAGE.replace("LIBRARIES", libraries))
    process.dvc("config", "--local", "plots.html_template", PLACE)
