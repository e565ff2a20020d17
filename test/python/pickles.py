"""Pickled models with the rows to try them on and what they answer themselves.

    python pickles.py FOLDER

FOLDER/<name>/: a model, calibration.csv, rows.csv, answers.csv; the hostile ones are files beside each other.
"""

import os
import pickle
import sys
import textwrap
import warnings
from pathlib import Path

import joblib
import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

sys.path.append(str(Path(__file__).parent.parent / "differential"))
from drawing import classified, decided, numbers, signal, table_of, target  # noqa: E402

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])


def save(name, file, model, train, rows, answers):
    (folder / name).mkdir(parents=True)
    if file.endswith(".pkl"):
        with open(folder / name / file, "wb") as opened:
            pickle.dump(model, opened)
    else:
        joblib.dump(model, folder / name / file, compress=3)
    train.to_csv(folder / name / "calibration.csv", index=False)
    rows.to_csv(folder / name / "rows.csv", index=False)
    answers.to_csv(folder / name / "answers.csv", index=False, float_format="%.17g")


def mixed(rng, missing=0.1):
    train, rows = numbers(rng, missing=missing, ties=False, least=3)
    for name, values in {"purpose": ["car", "house, flat", "ä"], "code": ["01", "02", "10"]}.items():
        train[name] = rng.choice(values, size=len(train))
        rows[name] = rng.choice(values, size=len(rows))
    return train, rows


def chosen_columns(train, text, encoder, *steps):
    plain = [name for name in train if name not in text]
    return ColumnTransformer([("number", make_pipeline(SimpleImputer(), *steps), plain), ("text", encoder, text)])


def conversions(rng):
    train, rows = numbers(rng, ties=False, least=3)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, np.array(["no", "ja"])[target(rng, train, 2)])
    save("names", "model.pkl", model, train[train.columns[::-1]], rows, classified(model, rows))

    # Of an array of numbers a search: the names are those of the calibration rows.
    search = GridSearchCV(make_pipeline(StandardScaler(), LinearSVC()), {"linearsvc__C": [0.1, 1.0]}).fit(train.to_numpy(), target(rng, train, 2))
    save("search", "model.joblib", search, train, rows, decided(search, rows.to_numpy()))

    model = RandomForestClassifier(n_estimators=5, max_depth=4).fit(train.to_numpy(), target(rng, train, 3))
    save("array", "model.joblib", model, train, rows, classified(model, rows.to_numpy()))

    model = make_pipeline(StandardScaler(), Ridge()).fit(train, signal(rng, train) * 10)
    save("ridge", "model.joblib", model, train, rows, table_of(value=model.predict(rows)))

    train, rows = numbers(rng, missing=0.15, least=3)
    model = HistGradientBoostingClassifier(max_iter=20).fit(train, target(rng, train, 2))
    save("histogram", "model.pkl", model, train, rows, classified(model, rows))

    model = xgb.XGBClassifier(n_estimators=5, max_depth=3).fit(train, target(rng, train, 3))
    save("xgboost", "model.pkl", model, train, rows, classified(model, rows))

    model = make_pipeline(xgb.XGBRegressor(n_estimators=5, max_depth=3, objective="count:poisson")).fit(train, np.abs(signal(rng, train)))
    save("poisson", "model.pkl", model, train, rows, table_of(value=model.predict(rows)))

    labels = np.array(["ja", "mü", "no"])[target(rng, train, 3)]
    model = make_pipeline(lgb.LGBMClassifier(n_estimators=5, num_leaves=7, verbosity=-1)).fit(train, labels)
    save("lightgbm", "model.joblib", model, train, rows, classified(model, rows))

    train, rows = mixed(rng)
    filled = train[[name for name in train if name not in ("purpose", "code")]].fillna(0)
    y = target(rng, filled, 2)
    model = make_pipeline(chosen_columns(train, ["purpose", "code"], OneHotEncoder(handle_unknown="ignore"), StandardScaler()), LogisticRegression()).fit(train, y)
    save("columns", "model.joblib", model, train.assign(unused=1), rows, classified(model, rows))

    # No scaler before trees: what it makes of the mean is a threshold's neighbour, on one side in float32 and on the other in float64.
    dense = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = make_pipeline(chosen_columns(train, ["purpose", "code"], dense), xgb.XGBClassifier(n_estimators=5, max_depth=3)).fit(train, y)
    save("columns-xgboost", "model.joblib", model, train, rows, classified(model, rows))

    model = make_pipeline(chosen_columns(train, ["purpose", "code"], OrdinalEncoder()), lgb.LGBMClassifier(n_estimators=5, verbosity=-1)).fit(train, y)
    save("columns-lightgbm", "model.joblib", model, train, rows, classified(model, rows))


def refusals(rng):
    """What must not be accepted, each as FOLDER/<name>.pkl, with calibration.csv."""
    train, _ = numbers(rng, ties=False, least=3)
    y = target(rng, train, 2)
    train.to_csv(folder / "calibration.csv", index=False)
    dump = lambda name, model: (folder / name).write_bytes(pickle.dumps(model))  # noqa: E731
    dump("dict.pkl", {"model": 1})
    dump("minus.pkl", xgb.XGBClassifier(n_estimators=2, missing=-999).fit(train, y))
    (folder / "cut.pkl").write_bytes(pickle.dumps(LogisticRegression().fit(train, y))[:-200])

    # The zeros of a sparse table are missing values to XGBoost, and zeros in ONNX.
    text = pd.DataFrame({"kind": rng.choice(list("abcdefgh"), size=len(train))})
    train.assign(kind=text["kind"]).to_csv(folder / "sparse.csv", index=False)
    known = text["kind"].isin(["a", "c"]).to_numpy().astype(int)
    columns = ColumnTransformer([("text", OneHotEncoder(sparse_output=True), ["kind"])], sparse_threshold=1.0)
    dump("sparse.pkl", make_pipeline(columns, xgb.XGBClassifier(n_estimators=3, max_depth=2)).fit(text, known))

    # A step of the user's own: its module lies beside the model, or nowhere any more.
    module = "from sklearn.preprocessing import StandardScaler\nclass OwnScaler(StandardScaler):\n    pass\n"
    (folder / "own_steps.py").write_text(module)
    (folder / "lost_steps.py").write_text(module)
    sys.path.append(str(folder))
    import lost_steps
    import own_steps

    dump("own.pkl", make_pipeline(own_steps.OwnScaler(), LogisticRegression()).fit(train, y))
    dump("lost.pkl", make_pipeline(lost_steps.OwnScaler(), LogisticRegression()).fit(train, y))
    (folder / "lost_steps.py").unlink()


class Runs:
    """Opening it runs the code."""

    def __init__(self, code):
        self.code = textwrap.dedent(code)

    def __reduce__(self):
        return exec, (self.code,)


def hostile():
    dump = lambda name, code: (folder / name).write_bytes(pickle.dumps(Runs(code)))  # noqa: E731
    dump("talks.pkl", "print('{\"file\": \"/etc/passwd\"}')")
    dump("exits.pkl", "import os\nos._exit(7)")
    dump("looks.pkl", f"import os\nopen({str(folder / 'seen.txt')!r}, 'w').write('\\n'.join(os.environ))")
    dump("sleeps.pkl", f"import os, time\nopen({str(folder / 'pid.txt')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)")


os.makedirs(folder, exist_ok=True)
conversions(np.random.default_rng(4))
refusals(np.random.default_rng(5))
hostile()
