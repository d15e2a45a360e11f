"""The configuration of Sphinx: `make docs` builds the site.

Strict and offline: no font, script or image comes from another host. The Markdown pages can also be
read without Sphinx.
"""

import sys
from pathlib import Path

from chainhub import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "chainhub"
author = "The chainhub developers"
release = version = __version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstrings",
    "search_words",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
nitpicky = True

# Names of other packages are not linked: that would need the network.
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(collections\.abc|datetime|httpx|opentelemetry|os|pathlib|ssl|starlette)\..*|_?Path|UUID|datetime",
    ),
    (
        r"py:class",
        r"(chainhub_api\.types\.)?Unset|chainhub\._client\.Self"
        r"|(chainhub\._session\.operation\.|chainhub\._tasks\.(methods|outcome)\.)?[CT]",
    ),
]

myst_heading_anchors = 3

# A copied terminal session has the commands only, without prompts and output.
copybutton_prompt_text = "$ "

# Docstrings are Markdown: one backtick is code.
default_role = "code"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"chainhub {release}"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_domain_indices = False
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "a11y-light"
pygments_dark_style = "a11y-high-contrast-dark"
