"""The look of every figure: one palette, one set of sizes, set once by the setup cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: distinguishable with every common form of colour blindness.
# Source: Okabe & Ito (2008), "Color Universal Design".
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
RED = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
BLACK = "#000000"
GREY = "#666666"
PALETTE = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK)


def use() -> None:
    """Set matplotlib's defaults for the lessons: palette, sizes and light grid.

    Examples
    --------
    >>> use()
    >>> import matplotlib
    >>> matplotlib.rcParams["axes.grid"]
    True
    """
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=PALETTE),
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "axes.labelsize": 11,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.fontsize": 10,
            "legend.frameon": False,
            "grid.color": "#DDDDDD",
            "figure.figsize": (8, 3.6),
            "figure.dpi": 96,
            "figure.constrained_layout.use": True,
            "svg.hashsalt": "first-dance-with-mlops",
        }
    )


def axes(ax: Axes | None, width: float = 8, height: float = 3.6) -> Axes:
    """Return the given axes, or new ones.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
        The caller's ``ax`` argument.
    width, height : float
        Size in inches of the figure that is made where there is none.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> axes(None, height=2).figure.get_size_inches().tolist()
    [8.0, 2.0]
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(width, height), layout="constrained")[1]
    return ax
