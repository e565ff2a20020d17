"""Turns a pickled model into a file that Sealpoint reads: ONNX, or the format of XGBoost or LightGBM itself.

    python convert_model.py MODEL FOLDER

Opening MODEL runs the code that it holds. Standard input is JSON, columns and some of the calibration rows:

    {"columns": [{"name": "age", "text": false}, ...], "rows": [["63", ...], ...]}        null is a missing cell

The model goes into FOLDER; standard output is JSON, what became of it:

    {"file": "model.onnx", "columns": [names] or null, "classes": [labels] or null, "answers": {...} or null, "warnings": [texts]}
    {"needs": [packages]}       this Python lacks something
    {"reason": text}            it cannot be done

"answers" is what the model itself says to the rows: {"label": [...]}, {"label": [...], "prob": [[...], ...]} or {"value": [[...], ...]}.
"""

import importlib.util
import json
import math
import os
import pickle
import sys
import traceback
import unicodedata
import warnings

PACKAGES = {"sklearn": "scikit-learn"}
LIBRARIES = ["skl2onnx", "onnxmltools", "sklearn", "joblib", "xgboost", "lightgbm", "onnx", "numpy", "pandas", "scipy"]


class Impossible(Exception):
    pass


class Lacking(Exception):
    def __init__(self, *modules):
        super().__init__(", ".join(modules))
        self.packages = [PACKAGES.get(module, module) for module in modules]


def has(module):
    return importlib.util.find_spec(module) is not None


def load(path):
    # A model may use a module of its project, which then lies beside it. At the end of the path it hides no other.
    sys.path.append(os.path.dirname(os.path.abspath(path)))
    try:
        if has("joblib"):
            import joblib

            return joblib.load(path)
        with open(path, "rb") as file:
            return pickle.load(file)
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        if module in LIBRARIES:
            raise Lacking(module) from error
        raise Impossible(f"it was saved with a module {module!r}, which neither this Python nor the model's folder has") from error


def steps_of(model):
    """A pipeline's steps that do something; any other model is its own only step."""
    if not hasattr(model, "steps"):
        return [model]
    steps = [step for _, step in model.steps if step is not None and step != "passthrough"]
    return steps_of(steps[0]) if len(steps) == 1 else steps


def parts_of(model):
    """The model and everything in it: steps, columns' transformers, a search's best estimator."""
    yield model
    if isinstance(model, (list, tuple)):
        for part in model:
            yield from parts_of(part)
        return
    for name in ("steps", "transformers_", "transformer_list", "estimators_", "best_estimator_", "estimator", "regressor_"):
        if name in getattr(model, "__dict__", {}):
            held = vars(model)[name]
            if isinstance(held, (list, tuple)) or hasattr(held, "fit"):
                yield from parts_of(held)


def is_of(module, name, model):
    """Whether the model is of a class that is there only if the library has been loaded, which opening it did."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(model, kind)


def names_of(model):
    try:
        names = getattr(model, "feature_names_in_", None)
    except Exception:  # XGBoost raises where it was trained on arrays
        return None
    return None if names is None else [str(name) for name in names]


def plain(values):
    return None if values is None else [value.item() if hasattr(value, "item") else value for value in values]


def save_xgboost(model, folder):
    missing = getattr(model, "missing", None)
    if missing is not None and not math.isnan(missing):
        raise Impossible(f"the XGBoost model takes {missing} for a missing value, which its own format does not keep; train it with NaN")
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    booster.save_model(os.path.join(folder, "model.json"))
    return {"file": "model.json", "columns": None, "classes": None}


def save_lightgbm(model, folder):
    classes = plain(getattr(model, "classes_", None)) if is_of("lightgbm", "LGBMClassifier", model) else None
    booster = getattr(model, "booster_", model)
    booster.save_model(os.path.join(folder, "model.txt"))
    return {"file": "model.txt", "columns": None, "classes": classes}


def needed_converters(model):
    """Of what scikit-learn's converter does not know by itself."""
    parts = list(parts_of(model))
    return [
        (library, name)
        for library, name in [("xgboost", "XGBClassifier"), ("xgboost", "XGBRegressor"), ("lightgbm", "LGBMClassifier"), ("lightgbm", "LGBMRegressor")]
        if any(is_of(library, name, part) for part in parts)
    ]


def register(library, name):
    if not has("onnxmltools"):
        raise Lacking("onnxmltools")
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes, calculate_linear_regressor_output_shapes

    if library == "xgboost":
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as converter
    else:
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as converter
    is_classifier = name.endswith("Classifier")
    update_registered_converter(
        getattr(sys.modules[library], name),
        library + name,
        calculate_linear_classifier_output_shapes if is_classifier else calculate_linear_regressor_output_shapes,
        converter,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]} if is_classifier else {"split": None},
    )


def accept_booleans():
    """onnx refuses the booleans that skl2onnx writes for the missing directions of HistGradientBoosting."""
    import onnx.helper

    make_attribute = onnx.helper.make_attribute

    def with_integers(key, value, *others, **options):
        if isinstance(value, (list, tuple)) and any(type(entry).__name__ in ("bool", "bool_") for entry in value):
            value = [int(entry) for entry in value]
        return make_attribute(key, value, *others, **options)

    onnx.helper.make_attribute = with_integers


def loosely(name):
    return unicodedata.normalize("NFC", name).strip().replace(" ", "_")


def encoded_as_text(model):
    """Columns whose encoder learnt texts, even where they look like numbers: codes such as 01."""
    for part in parts_of(model):
        if type(part).__name__ != "ColumnTransformer":
            continue
        for _, transformer, chosen in part.transformers_:
            categories = getattr(steps_of(transformer)[-1], "categories_", [])
            if not isinstance(chosen, str) and len(categories) == len(chosen):
                yield from (loosely(str(name)) for name, values in zip(chosen, categories) if any(isinstance(value, str) for value in values))


def text_names(model, columns):
    return {loosely(column["name"]) for column in columns if column["text"]} | set(encoded_as_text(model))


def input_types(model, columns):
    """One input a column where a step chooses columns or one is text; else all numbers in one, and their names beside it."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    names = names_of(model)
    if names is None:
        given = [column["name"] for column in columns]
        count = getattr(model, "n_features_in_", len(given))
        chooses = any(column["text"] for column in columns[:count])
        names = given if chooses and len(given) == count else None
    else:
        count = len(names)
        chooses = any(type(part).__name__ == "ColumnTransformer" for part in parts_of(model))
    text = text_names(model, columns)
    if names is None or not (chooses or any(loosely(name) in text for name in names)):
        return [("X", FloatTensorType([None, count]))], names
    types = [(name, (StringTensorType if loosely(name) in text else FloatTensorType)([None, 1])) for name in names]
    return types, None


def save_onnx(model, folder, columns):
    if not has("skl2onnx"):
        raise Lacking("skl2onnx")
    needed = needed_converters(model)
    for library, name in needed:
        register(library, name)
    accept_booleans()
    from skl2onnx import to_onnx

    last = steps_of(model)[-1]
    # In a pipeline skl2onnx asks for the probabilities of a LinearSVC otherwise, which it has not.
    options = {id(last): {"raw_scores": True}} if type(last).__name__ == "LinearSVC" else None
    types, names = input_types(model, columns)
    # onnxmltools writes trees by version 3 of the operators for machine learning at most.
    opset = {"": 15, "ai.onnx.ml": 3} if needed else None
    converted = to_onnx(model, initial_types=types, options=options, target_opset=opset)
    with open(os.path.join(folder, "model.onnx"), "wb") as file:
        file.write(converted.SerializeToString())
    return {"file": "model.onnx", "columns": names, "classes": None}


def convert(path, folder, columns, rows):
    if not any(has(module) for module in ("skl2onnx", "xgboost", "lightgbm")):
        raise Lacking("skl2onnx")
    model = load(path)
    while "best_estimator_" in getattr(model, "__dict__", {}):
        model = model.best_estimator_
    if not hasattr(model, "predict"):
        raise Impossible(f"it holds a {type(model).__name__}, which is no model that predicts")
    return {**save(model, folder, columns), "answers": answers_of(model, columns, rows)}


def save(model, folder, columns):
    steps = steps_of(model)
    if len(steps) == 1:
        [alone] = steps
        if is_of("xgboost", "XGBModel", alone) or is_of("xgboost", "Booster", alone):
            return save_xgboost(alone, folder)
        if is_of("lightgbm", "LGBMModel", alone) or is_of("lightgbm", "Booster", alone):
            return save_lightgbm(alone, folder)
    return save_onnx(model, folder, columns)


def table_of(model, columns, rows):
    """The rows as the model was given them in training: a frame where it knows names, else an array."""
    import numpy

    names = names_of(model)
    place = {loosely(column["name"]): index for index, column in enumerate(columns)}
    text = text_names(model, columns)
    chosen = range(getattr(model, "n_features_in_", len(columns))) if names is None else [place[loosely(name)] for name in names]
    is_text = [loosely(columns[index]["name"]) in text for index in chosen]

    def cell(value, as_text):
        return math.nan if value is None else str(value) if as_text else float(value)

    picked = [[cell(row[index], as_text) for index, as_text in zip(chosen, is_text)] for row in rows]
    if names is None or not has("pandas"):
        return numpy.array(picked, dtype=object if any(is_text) else float)
    import pandas

    return pandas.DataFrame(picked, columns=names)


def numbers_of(predicted, rows):
    import numpy

    numbers = numpy.asarray(predicted, dtype=float).reshape(rows, -1)
    if not numpy.isfinite(numbers).all():
        raise ValueError("a prediction is no finite number")
    return numbers.tolist()


def answers_of(model, columns, rows):
    """None where the model cannot be asked in this way: a booster of XGBoost, say, or rows that it refuses."""
    try:
        table = table_of(model, columns, rows)
        if not hasattr(model, "classes_"):
            return {"value": numbers_of(model.predict(table), len(rows))}
        answers = {"label": plain(model.predict(table))}
        if hasattr(model, "predict_proba"):
            answers["prob"] = numbers_of(model.predict_proba(table), len(rows))
        return answers
    except Exception:
        traceback.print_exc()
        return None


def attempt(path, folder, columns, rows):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            made = convert(path, folder, columns, rows)
        except Lacking as lacking:
            return {"needs": lacking.packages}
        except Impossible as impossible:
            return {"reason": str(impossible)}
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return {"reason": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    versions = [str(warning.message) for warning in caught if warning.category.__name__ == "InconsistentVersionWarning"]
    return {**made, "warnings": [" ".join(text.split())[:300] for text in versions[:1]]}


def main(path, folder):
    # What the model's code or a library prints is no answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    given = json.load(sys.stdin.buffer)
    json.dump(attempt(path, folder, given["columns"], given["rows"]), answer)
    answer.close()


main(*sys.argv[1:])
