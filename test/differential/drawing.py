"""What the drawn models have in common: random tables, targets, and the files that hold a model's answers."""

import numpy as np
import pandas as pd

NAMES = ["age", "mean radius", "x 1", "income", "Größe", "rate_2", "f", "g", "h", "loan amount", "k", "m"]


class Drawn:
    """A model with the rows to predict and the library's own answers; `refused` if it must not be accepted."""

    def __init__(self, title, extension, content, rows, answers, refused=False):
        self.title, self.extension, self.content = title, extension, content
        self.rows, self.answers, self.refused = rows, answers, refused


def column(rng, count):
    kind = rng.integers(5)
    if kind == 0:
        return rng.normal(size=count)
    if kind == 1:
        return rng.integers(-3, 4, size=count).astype(float)
    if kind == 2:
        return np.round(rng.uniform(0, 2, size=count), 1)
    if kind == 3:
        return rng.lognormal(size=count)
    return np.where(rng.random(count) < 0.5, 0.0, rng.normal(size=count))


def numbers(rng, missing=0.0, single=True, least=1, ties=True):
    """Training rows and rows to predict; `single`: all values are float32, as ONNX reads them. Without `ties` no value comes twice."""
    width = int(rng.integers(max(1, least), len(NAMES) + 1))
    table = np.stack([column(rng, 260) for _ in range(width)], axis=1)
    if not ties:
        table += rng.normal(size=table.shape) * 0.01
    if single:
        table = table.astype(np.float32).astype(np.float64)
    if missing > 0:
        table[rng.random(table.shape) < missing] = np.nan
    names = [str(name) for name in rng.permutation(NAMES)[:width]]
    return pd.DataFrame(table[:200], columns=names), pd.DataFrame(table[200:], columns=names)


def signal(rng, table):
    filled = np.nan_to_num(table.to_numpy(dtype=float), nan=0.7)
    weights = rng.normal(size=filled.shape[1])
    return np.tanh(filled) @ weights + 0.5 * np.sin(3 * filled[:, 0]) + rng.normal(size=len(filled)) * 0.3


def target(rng, table, classes):
    """0 … classes - 1, each present."""
    scores = signal(rng, table)
    labels = np.searchsorted(np.quantile(scores, np.arange(1, classes) / classes), scores)
    labels[:classes] = np.arange(classes)
    return labels


def named(rng, labels):
    """Class labels as numbers, other numbers or texts."""
    kind = rng.integers(3)
    if kind == 0:
        return labels
    if kind == 1:
        return labels * 3 - 2
    return np.array(["zeta", "alpha", "mü, b", "d", "no"])[labels]


def table_of(**columns):
    frame = {}
    for name, values in columns.items():
        values = np.asarray(values)
        if values.ndim == 2:
            frame.update({f"{name}_{k}": values[:, k] for k in range(values.shape[1])})
        else:
            frame[{"score": "score_0"}.get(name, name)] = values
    return pd.DataFrame(frame)


def classified(model, rows, score=None):
    """prob_k and label; a label that hangs on the last digits is left empty."""
    prob = np.asarray(model.predict_proba(rows), dtype=float)
    top = np.sort(prob, axis=1)
    label = np.where(top[:, -1] - top[:, -2] < 1e-6, "", np.asarray(model.predict(rows)).astype(str))
    answers = table_of(prob=prob, label=label)
    return answers if score is None else pd.concat([table_of(score=score), answers], axis=1)


def decided(model, rows):
    """score_k and label of a decision function."""
    score = np.asarray(model.decision_function(rows), dtype=float)
    gap = np.abs(score) if score.ndim == 1 else np.diff(np.sort(score, axis=1)[:, -2:], axis=1)[:, 0]
    label = np.where(gap < 1e-5, "", np.asarray(model.predict(rows)).astype(str))
    return table_of(score=score, label=label)
