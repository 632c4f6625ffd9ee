"""Pages of a release, made from released tables only."""

from analysis.pages.site import POLICY, clinic_file, render_clinic, render_site

__all__ = ["POLICY", "clinic_file", "render_clinic", "render_site"]
