"""The one script file that draws every chart of a site."""

import pkgutil

# Plotly brings the style rules of its map drawing as a <style> element. The hash of its text lets
# a page allow just that, and an empty element, without allowing inline style in general.
STYLE_HASHES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
)


def plotly_script() -> bytes:
    """Return Plotly's own minified script, as its Python package ships it."""
    script = pkgutil.get_data("plotly", "package_data/plotly.min.js")
    if script is None:
        raise FileNotFoundError("The plotly package holds no script.")
    return script
