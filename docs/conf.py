"""How Sphinx builds this site; CONTRIBUTING.md has the line that runs it."""

import os
import sys
from pathlib import Path

import fastjac

DOCS = Path(__file__).resolve().parent
sys.path.append(str(DOCS / "extensions"))
# Code cells run in kernels of their own, which inherit these: two threads do not fight with a second page that runs.
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

project = "fastjac"
author = "The fastjac authors"
copyright = author
version = release = fastjac.__version__

extensions = [
    "sphinx.ext.autodoc",
    "myst_nb",
    "plain_docstrings",
    "declared_layers",
    "numpydoc",
    "sphinx_design",
]
root_doc = "index"
exclude_patterns = ["_build"]
templates_path = []

# Every reference must be found: -W makes an error of one that is not.
nitpicky = True
nitpick_ignore = [("py:class", "_pickle.PicklingError")]
default_role = "plain"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_in_temp = False
nb_merge_streams = True
# Where the kernels are not compiled yet, fastjac says on stderr that it compiles them.
nb_output_stderr = "remove"

html_theme = "pydata_sphinx_theme"
html_title = "fastjac"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "fastjac"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_sidebars = {
    "gallery": [],
    "questions": [],
    "coming-from": [],
    "conventions": [],
    "design": [],
    "start": [],
    "benchmarks": [],
}
