"""Draws models at random, trains them with the real libraries and writes what they answer.

    python generate.py FOLDER FIRST COUNT

Model number n (its seed) goes to FOLDER/n: model.<extension>, rows.csv, answers.csv and drawn.json.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

import boosting
import estimators

KINDS = boosting.KINDS + estimators.KINDS
ATTEMPTS = 5


def draw(seed, attempt):
    rng = np.random.default_rng([seed, attempt])
    # scikit-learn's own draws (networks, forests) follow the global state.
    np.random.seed([seed, attempt])
    weights = np.array([weight for weight, _ in KINDS])
    # The first models go through all kinds in turn, so that a small number covers them.
    kind = seed if seed < len(KINDS) else rng.choice(len(KINDS), p=weights / weights.sum())
    return KINDS[kind][1](rng)


def write(folder, drawn):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"model.{drawn.extension}").write_bytes(drawn.content)
    drawn.rows.to_csv(folder / "rows.csv", index=False)
    drawn.answers.to_csv(folder / "answers.csv", index=False, float_format="%.17g")
    (folder / "drawn.json").write_text(json.dumps({"title": drawn.title, "file": f"model.{drawn.extension}", "refused": drawn.refused}))


def main(folder, first, count):
    warnings.simplefilter("ignore")
    for seed in range(first, first + count):
        for attempt in range(ATTEMPTS):
            try:
                write(Path(folder) / str(seed), draw(seed, attempt))
                break
            except Exception as error:  # a library that cannot train or convert what was drawn: nothing to compare
                if attempt == ATTEMPTS - 1:
                    print(f"not drawn: {seed}: {type(error).__name__}: {' '.join(str(error).split())[:200]}", flush=True)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
