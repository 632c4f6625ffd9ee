"""Pages of a release, made from released tables only."""

from analysis.pages.site import clinic_file, render_site

__all__ = ["clinic_file", "render_site"]
