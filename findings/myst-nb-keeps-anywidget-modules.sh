#!/bin/sh
# MyST-NB 1.4.0 with anywidget 0.11.0: a page of documentation that shows its widget as plain HTML
# still carries the widget's whole module, and asks a CDN for the scripts to run it.
#
# An anywidget's `_esm` is a synchronised trait, so it is part of the widget state that nbclient
# saves in the notebook, and MyST-NB writes that state into the page whatever output it chose. With
# `nb_mime_priority_overrides` that prefers text/html to the widget view, no element of the page
# uses it: a module of 100 kB makes each page that shows it 100 kB larger, and require.js and the
# HTML manager are fetched from outside, which a site that must work offline cannot have.
#
# Seen, for a widget whose `_repr_mimebundle_` adds text/html:
#   the HTML of the output is in the page; so is the module, once; widget views in the page: 0
#   scripts from outside: 2 (require.js; @jupyter-widgets/html-manager)
#   with nb_ipywidgets_js = {}: scripts from outside 0, the module is still in the page
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
    "myst-nb==1.4.0" "anywidget==0.11.0" "sphinx==9.0.4" "ipykernel==7.4.0"
mkdir "$folder/site"
cat > "$folder/site/conf.py" <<'PYTHON'
import os

extensions = ["myst_nb"]
nb_execution_mode = "force"
nb_mime_priority_overrides = [("html", "text/html", 0)]
if os.environ.get("NO_SCRIPTS"):
    nb_ipywidgets_js = {}
PYTHON
cat > "$folder/site/index.md" <<'MARKDOWN'
---
file_format: mystnb
kernelspec: {name: python3}
---
# A widget

```{code-cell}
from anywidget import AnyWidget

class Shown(AnyWidget):
    _esm = "// " + 100_000 * "-" + "\nexport default { render() {} }"

    def _repr_mimebundle_(self, **options):
        data, metadata = super()._repr_mimebundle_(**options)
        return {**data, "text/html": "<p>SHOWN AS HTML</p>"}, metadata

Shown()
```
MARKDOWN
cd "$folder"
build() {
    "$folder/venv/bin/python" -m sphinx -q -b html site "$1"
    "$folder/venv/bin/python" - "$1/index.html" <<'PYTHON'
import re
import sys

page = open(sys.argv[1], encoding="utf-8").read()
scripts = re.findall(r'<script[^>]*src="(https://[^"]+)"', page)
views = page.count("application/vnd.jupyter.widget-view+json")
print("html", page.count("<p>SHOWN AS HTML</p>"), "views", views)
print("module", page.count(100_000 * "-"))
print("scripts from outside", len(scripts))
PYTHON
}
PATH="$folder/venv/bin:$PATH"
{ build plain; NO_SCRIPTS=1 build bare; } > seen
cat seen
cat > expected <<'TEXT'
html 1 views 0
module 1
scripts from outside 2
html 1 views 0
module 1
scripts from outside 0
TEXT
cmp seen expected
