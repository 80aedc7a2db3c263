"""A report as one HTML page that needs nothing else, and as the piece of HTML that a notebook shows.

What the page shows is computed in Python and is there without a script; the script zooms, sorts, searches and follows
the slider. Nothing is decided here.
"""

from __future__ import annotations

from shapecheck.render.page.html import notebook, page

__all__ = ["notebook", "page"]
