"""How every chart looks: colours, dashes, marks, type and spacing.

Colours are named by their role and written as `@role`; the page puts in the light, dark or printed
value when it draws. The hues are those of Okabe and Ito (2008), which colour-blind eyes can tell
apart; a dash or a mark always says the same as the colour does.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analysis.figures.chart import Spec

# Values for light paper and for dark screens.
COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    "own": ("#0072B2", "#56B4E9"),
    "own-soft": ("rgba(0,114,178,0.16)", "rgba(86,180,233,0.20)"),
    "network": ("#6B6F76", "#A9AFB8"),
    "network-soft": ("rgba(107,111,118,0.16)", "rgba(169,175,184,0.20)"),
    "other": ("#D55E00", "#F08A3C"),
    "other-soft": ("rgba(213,94,0,0.14)", "rgba(240,138,60,0.20)"),
    "good": ("#007A5A", "#2FBF94"),
    "signal": ("#D55E00", "#F08A3C"),
    "muted": ("#C9CED6", "#454C57"),
    "faint": ("#E6E9EE", "#2B313A"),
    "ink": ("#1B2430", "#E8ECF2"),
    "soft-ink": ("#55606E", "#A7B0BC"),
    "grid": ("#E3E7EC", "#2F3640"),
    "paper": ("#FFFFFF", "#1A1F27"),
}
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
CONFIG: Final[Mapping[str, Any]] = {
    "displayModeBar": False,
    "responsive": True,
    "showSendToCloud": False,
    "showTips": False,
    "doubleClick": False,
    "scrollZoom": False,
}
HEIGHTS: Final = {"short": 250, "medium": 320, "tall": 420}
TEXT_SIZE: Final = 12
OWN_MARK: Final = "circle"
NETWORK_MARK: Final = "diamond-open"
NETWORK_DASH: Final = "dot"


def colour(role: str) -> str:
    """Return the reference to a colour role, checked."""
    if role not in COLOURS:
        raise KeyError(role)
    return f"@{role}"


def resolved(spec: Any, *, dark: bool = False) -> Any:
    """Return the spec with every colour role replaced by its value."""
    if isinstance(spec, Mapping):
        return {key: resolved(value, dark=dark) for key, value in spec.items()}
    if isinstance(spec, list | tuple):
        return [resolved(value, dark=dark) for value in spec]
    if isinstance(spec, str) and spec.startswith("@"):
        return COLOURS[spec[1:]][int(dark)]
    return spec


def figure(data: Sequence[Spec], layout: Spec, height: int) -> Spec:
    """Return a complete spec: traces, and the house's layout with this chart's own on top."""
    own = {**base_layout(), "height": height, **layout}
    return {"data": list(data), "layout": own, "config": CONFIG}


def base_layout() -> dict[str, Any]:
    """Return the layout that every chart begins with."""
    return {
        "margin": {"l": 44, "r": 14, "t": 10, "b": 52},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": TEXT_SIZE, "color": colour("ink")},
        "hoverlabel": {
            "bgcolor": colour("paper"),
            "bordercolor": colour("soft-ink"),
            "font": {"family": FONT, "size": 13, "color": colour("ink")},
        },
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
    }


def axis(**own: Any) -> dict[str, Any]:
    """Return an axis with thin grid lines, without zoom."""
    return {
        "gridcolor": colour("grid"),
        "linecolor": colour("muted"),
        "zerolinecolor": colour("muted"),
        "tickfont": {"size": TEXT_SIZE - 1, "color": colour("soft-ink")},
        "fixedrange": True,
        "automargin": True,
        **own,
    }


def listed_axis(labels: Sequence[str]) -> dict[str, Any]:
    """Return the upright axis of a list: a label for each place from 0 at the top."""
    return axis(
        tickvals=list(range(len(labels))),
        ticktext=list(labels),
        range=[len(labels) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        automargin=False,
    )


def axis_title(words: str) -> dict[str, Any]:
    """Return the title of an axis."""
    return {
        "text": words,
        "standoff": 8,
        "font": {"size": TEXT_SIZE - 1, "color": colour("soft-ink")},
    }


def label(x: Any, y: Any, words: str, role: str = "ink", **own: Any) -> dict[str, Any]:
    """Return a text in the drawing, without an arrow."""
    return {
        "x": x,
        "y": y,
        "text": words,
        "showarrow": False,
        "font": {"size": TEXT_SIZE, "color": colour(role)},
        **own,
    }


def markers(
    x: Sequence[Any], y: Sequence[Any], hover: Sequence[str], role: str, **own: Any
) -> dict[str, Any]:
    """Return a trace of marks; `hover` is the text of each."""
    symbol, size = own.pop("symbol", OWN_MARK), own.pop("size", 9)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "hovertext": list(hover),
        "hoverinfo": "text",
        "marker": {
            "color": colour(role),
            "symbol": symbol,
            "size": size,
            "line": {"color": colour(role), "width": 1.5},
        },
        **own,
    }


def line(x: Sequence[Any], y: Sequence[Any], role: str, **own: Any) -> dict[str, Any]:
    """Return a trace drawn as a line that answers no pointer."""
    pen = {"color": colour(role), "width": own.pop("width", 2), "dash": own.pop("dash", "solid")}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "line": {**pen, **own.pop("line", {})},
        "hoverinfo": "skip",
        **own,
    }


def upright(x: float, role: str = "soft-ink", dash: str = "dot") -> dict[str, Any]:
    """Return a thin line across the whole height of the drawing."""
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": colour(role), "width": 1, "dash": dash},
    }


def level_line(y: float, role: str = "soft-ink", dash: str = "dot") -> dict[str, Any]:
    """Return a thin line across the whole width of the drawing."""
    return {
        "type": "line",
        "y0": y,
        "y1": y,
        "x0": 0,
        "x1": 1,
        "xref": "paper",
        "line": {"color": colour(role), "width": 1, "dash": dash},
    }


def error_bars(
    values: Sequence[float], low: Sequence[float], high: Sequence[float], role: str
) -> Spec:
    """Return Plotly's error bars from interval ends."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [round(top - value, 6) for value, top in zip(values, high, strict=True)],
        "arrayminus": [round(value - end, 6) for value, end in zip(values, low, strict=True)],
        "color": colour(role),
        "thickness": 1.6,
        "width": 4,
    }


def outlined_diamond() -> dict[str, Any]:
    """Return the mark of the network, readable on any bar."""
    return {
        "color": colour("paper"),
        "symbol": "diamond",
        "size": 11,
        "line": {"color": colour("ink"), "width": 2},
    }
