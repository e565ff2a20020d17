"""Models of XGBoost and LightGBM in their own formats and through onnxmltools."""

import json

import lightgbm as lgb
import numpy as np
import onnxmltools
import pandas as pd
import xgboost as xgb
from onnxmltools.convert.common.data_types import FloatTensorType

from drawing import Drawn, classified, named, numbers, signal, table_of, target


def xgboost_options(rng):
    options = dict(
        n_estimators=int(rng.integers(1, 40)),
        max_depth=int(rng.integers(1, 7)),
        learning_rate=float(rng.choice([0.1, 0.3, 1.0])),
        tree_method=str(rng.choice(["hist", "exact", "approx"])),
        random_state=int(rng.integers(1000)),
        n_jobs=1,
    )
    if rng.random() < 0.2:
        options["gamma"] = float(rng.choice([0.1, 1.0, 5.0]))
    if rng.random() < 0.15:
        options.update(num_parallel_tree=int(rng.integers(2, 4)), subsample=0.7)
    if rng.random() < 0.2:
        options.update(booster="dart", rate_drop=0.3)
    if rng.random() < 0.2:
        options["base_score"] = 0.3
    return options


def save_xgboost(rng, booster):
    extension = str(rng.choice(["json", "ubj"]))
    return extension, bytes(booster.save_raw(extension))


def fit(rng, model, train, y, options):
    """Sometimes with early stopping, sometimes on an array without names."""
    x = train if rng.random() < 0.7 else train.to_numpy()
    if rng.random() < 0.25 and options.get("booster") != "dart":
        model.set_params(early_stopping_rounds=2)
        half = len(train) // 2
        part = (lambda a: x.iloc[a] if isinstance(x, pd.DataFrame) else x[a])
        known = sorted(set(np.unique(y[:half])) & set(np.unique(y))) == sorted(np.unique(y)) or np.asarray(y).dtype.kind == "f"
        if known:
            return model.fit(part(slice(0, half)), y[:half], eval_set=[(part(slice(half, None)), y[half:])], verbose=False)
        model.set_params(early_stopping_rounds=None)
    return model.fit(x, y)


def xgboost_classifier(rng):
    train, rows = numbers(rng, missing=float(rng.choice([0, 0.15])), single=False)
    classes = int(rng.choice([2, 2, 3, 5]))
    options = xgboost_options(rng)
    model = fit(rng, xgb.XGBClassifier(**options), train, target(rng, train, classes), options)
    used = rows if model.get_booster().feature_names else rows.to_numpy()
    answers = classified(model, used, score=model.predict(used, output_margin=True))
    return Drawn(f"XGBClassifier {classes} {options}", *save_xgboost(rng, model.get_booster()), rows, answers)


def xgboost_regressor(rng):
    train, rows = numbers(rng, missing=float(rng.choice([0, 0.15])), single=False)
    objective = str(rng.choice(["reg:squarederror", "count:poisson", "reg:gamma", "reg:tweedie", "reg:absoluteerror", "reg:pseudohubererror", "reg:logistic", "reg:squaredlogerror"]))
    y = signal(rng, train)
    y = 1 / (1 + np.exp(-y)) if objective == "reg:logistic" else np.abs(y) + 0.1 if objective != "reg:squarederror" else y * 50
    options = xgboost_options(rng)
    model = fit(rng, xgb.XGBRegressor(objective=objective, **options), train, y, options)
    used = rows if model.get_booster().feature_names else rows.to_numpy()
    answers = table_of(score=model.predict(used, output_margin=True), value=model.predict(used))
    return Drawn(f"XGBRegressor {objective} {options}", *save_xgboost(rng, model.get_booster()), rows, answers)


def xgboost_targets(rng):
    train, rows = numbers(rng, single=False)
    y = np.stack([signal(rng, train), signal(rng, train)], axis=1)
    strategy = str(rng.choice(["one_output_per_tree", "multi_output_tree"]))
    model = xgb.XGBRegressor(n_estimators=8, multi_strategy=strategy, tree_method="hist", n_jobs=1).fit(train, y)
    return Drawn(f"XGBRegressor 2 targets {strategy}", *save_xgboost(rng, model.get_booster()), rows, table_of(value=model.predict(rows)))


def xgboost_linear(rng):
    train, rows = numbers(rng, missing=float(rng.choice([0, 0.15])), single=False)
    classes = int(rng.choice([2, 3]))
    model = xgb.XGBClassifier(booster="gblinear", n_estimators=10, n_jobs=1).fit(train, target(rng, train, classes))
    answers = classified(model, rows, score=model.predict(rows, output_margin=True))
    return Drawn(f"gblinear {classes}", *save_xgboost(rng, model.get_booster()), rows, answers)


def xgboost_categories(rng):
    train, rows = numbers(rng, single=False, least=2)
    kinds = pd.Series(rng.choice(["a", "b", "c", "d"], size=len(train)), dtype="category")
    train = train.assign(kind=kinds)
    y = (kinds.isin(["a", "c"]).to_numpy() ^ (rng.random(len(train)) < 0.1)).astype(int)
    model = xgb.XGBClassifier(n_estimators=3, enable_categorical=True, n_jobs=1).fit(train, y)
    return Drawn("XGBClassifier categorical", *save_xgboost(rng, model.get_booster()), rows, table_of(value=[0]), refused=True)


def lightgbm_options(rng):
    options = dict(
        n_estimators=int(rng.integers(1, 40)),
        num_leaves=int(rng.choice([2, 4, 15, 31])),
        min_child_samples=int(rng.choice([1, 5, 20])),
        random_state=int(rng.integers(1000)),
        n_jobs=1,
        verbosity=-1,
    )
    if rng.random() < 0.3:
        options["zero_as_missing"] = True
    elif rng.random() < 0.1:
        options["use_missing"] = False
    if rng.random() < 0.2:
        options.update(boosting_type="rf", bagging_freq=1, bagging_fraction=0.6)
    elif rng.random() < 0.2:
        options["boosting_type"] = "dart"
    if rng.random() < 0.2:
        options["sigmoid"] = 2.5
    return options


def lightgbm_rows(rng):
    train, rows = numbers(rng, missing=float(rng.choice([0, 0.15])), single=False, least=2)
    plain = [name for name in train.columns if name != "Größe"]
    train, rows = train[plain], rows[plain]
    # Rows may lack values in columns where training had none.
    if rng.random() < 0.5:
        rows = rows.mask(rng.random(rows.shape) < 0.1)
    return (train, rows) if rng.random() < 0.7 else (train.to_numpy(), rows)


def lightgbm_answers(model, train, rows, classes):
    used = rows if isinstance(train, pd.DataFrame) else rows.to_numpy()
    score = None if model.get_params().get("boosting_type") == "rf" else model.predict(used, raw_score=True)
    if classes is not None:
        return classified(model, used, score=score)
    value = model.predict(used)
    return table_of(value=value) if score is None else table_of(score=score, value=value)


def lightgbm_classifier(rng):
    train, rows = lightgbm_rows(rng)
    classes = int(rng.choice([2, 2, 3, 5]))
    options = lightgbm_options(rng)
    if classes > 2 and rng.random() < 0.4:
        options["objective"] = "multiclassova"
    model = lgb.LGBMClassifier(**options).fit(train, target(rng, pd.DataFrame(train), classes))
    answers = lightgbm_answers(model, train, rows, classes)
    return Drawn(f"LGBMClassifier {classes} {options}", "txt", model.booster_.model_to_string().encode(), rows, answers)


def lightgbm_regressor(rng):
    train, rows = lightgbm_rows(rng)
    objective = str(rng.choice(["regression", "regression_l1", "huber", "poisson", "gamma", "tweedie", "quantile", "mape", "cross_entropy"]))
    options = lightgbm_options(rng)
    y = signal(rng, pd.DataFrame(train))
    y = 1 / (1 + np.exp(-y)) if objective == "cross_entropy" else y * 20 if objective == "regression" else np.abs(y) + 0.1
    if objective == "regression" and rng.random() < 0.5:
        options["reg_sqrt"] = True
    model = lgb.LGBMRegressor(objective=objective, **options).fit(train, y)
    answers = lightgbm_answers(model, train, rows, None)
    return Drawn(f"LGBMRegressor {objective} {options}", "txt", model.booster_.model_to_string().encode(), rows, answers)


def lightgbm_refused(rng):
    train, rows = numbers(rng, single=False, least=2)
    y = signal(rng, train)
    if rng.random() < 0.5:
        model = lgb.LGBMRegressor(n_estimators=3, linear_tree=True, verbosity=-1, n_jobs=1).fit(train.to_numpy(), y)
        title = "LightGBM linear_tree"
    else:
        kinds = rng.integers(0, 8, size=len(train))
        model = lgb.LGBMRegressor(n_estimators=3, verbosity=-1, n_jobs=1, min_child_samples=5, min_data_per_group=5, cat_smooth=1)
        model.fit(np.column_stack([kinds, y * 0.001]), np.isin(kinds, [1, 3, 6]) * 50.0 + y, categorical_feature=[0])
        title = "LightGBM categorical"
    return Drawn(title, "txt", model.booster_.model_to_string().encode(), rows, table_of(value=[0]), refused=True)


def through_onnx(rng):
    """XGBoost and LightGBM as onnxmltools writes them; what it writes wrongly is not drawn (see the missing values of LightGBM)."""
    train, rows = numbers(rng, single=True, least=2)
    is_xgboost, classes = rng.random() < 0.6, int(rng.choice([2, 3]))
    x = train.to_numpy()
    options = dict(n_estimators=int(rng.integers(2, 20)), max_depth=int(rng.integers(1, 5)), n_jobs=1)
    is_classifier = rng.random() < 0.6
    y = target(rng, train, classes) if is_classifier else signal(rng, train)
    kind = (xgb if is_xgboost else lgb).__dict__[("XGB" if is_xgboost else "LGBM") + ("Classifier" if is_classifier else "Regressor")]
    model = kind(**options, **({} if is_xgboost else {"verbosity": -1})).fit(x, y)
    convert = onnxmltools.convert_xgboost if is_xgboost else onnxmltools.convert_lightgbm
    onnx = convert(model, initial_types=[("X", FloatTensorType([None, x.shape[1]]))], target_opset=15)
    used = rows.to_numpy()
    answers = classified(model, used) if is_classifier else table_of(value=model.predict(used))
    return Drawn(f"onnxmltools {kind.__name__} {classes} {options}", "onnx", onnx.SerializeToString(), rows, answers)


KINDS = [
    (3, xgboost_classifier),
    (3, xgboost_regressor),
    (1, xgboost_targets),
    (1, xgboost_linear),
    (0.3, xgboost_categories),
    (3, lightgbm_classifier),
    (3, lightgbm_regressor),
    (0.5, lightgbm_refused),
    (2, through_onnx),
]
