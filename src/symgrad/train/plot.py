"""Pictures of fits and of training. matplotlib is loaded here only, when a picture is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import UnsupportedError

if TYPE_CHECKING:
    from symgrad.train.loop import Training
    from symgrad.train.result import FitResult

CURVE_POINTS = 400


def curve(training: Training) -> Any:
    """A Figure of the loss by epochs, on the training data and, where there are some, on the validation data.

    It is not shown; `.savefig(path)` saves it. Raises UnsupportedError without matplotlib.
    """
    figure = _figure(7, 4)
    axes = figure.subplots()
    epochs = np.arange(1, len(training.losses) + 1)
    axes.plot(epochs, training.losses, color="C0", label="training")
    if training.validation_losses:
        axes.plot(epochs, training.validation_losses, color="C1", label="validation")
        axes.plot(training.best_epoch, min(training.validation_losses), "o", color="C1", label="best")
    if min([*training.losses, *training.validation_losses], default=0.0) > 0:
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.legend()
    return figure


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise UnsupportedError("plot needs matplotlib: pip install 'symgrad[plot]'") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plot(result: FitResult) -> Any:
    """A Figure of two panels: the fit above, the residuals below. It is not shown; `.savefig(path)` saves it.

    With one predictor the fit is drawn as a curve through the data, else as predicted against observed.
    Raises UnsupportedError without matplotlib, and for a likelihood, which predicts no value to draw.
    """
    model = result._model
    if model.predicted is None or model.observed is None:
        raise UnsupportedError("plot draws least-squares fits whose left side is data; there is none here")
    figure = _figure(7, 6)
    top, bottom = figure.subplots(2, 1, height_ratios=[3, 1])
    observed, values = model.observed, list(result.params.values())
    columns = {n: model.table[n] for n in model.predicted.names}
    varying = [n for n, c in columns.items() if np.ptp(c) > 0]
    if len(varying) == 1 and not model.predicted.grouped:
        (name,) = varying
        x = columns[name]
        line = np.linspace(x.min(), x.max(), CURVE_POINTS)
        fixed = {n: c[0] for n, c in columns.items()}
        top.plot(line, model.predict(values, fixed | {name: line}), color="C1", label="fit", zorder=3)
        top.plot(x, observed, ".", color="C0", label="data")
    else:
        x = model.predicted.values(values)
        ends = [min(x.min(), observed.min()), max(x.max(), observed.max())]
        top.plot(ends, ends, color="C1", label="predicted = observed", zorder=3)
        name = "predicted"
        top.plot(x, observed, ".", color="C0", label="data")
    bottom.sharex(top)
    top.set_ylabel(str(model.left))
    top.legend()
    bottom.axhline(0.0, color="C1", linewidth=1)
    bottom.plot(x, result.residuals, ".", color="C0")
    bottom.set_xlabel(name)
    bottom.set_ylabel("residual")
    return figure
