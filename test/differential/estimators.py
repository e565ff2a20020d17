"""Models and pipelines of scikit-learn through skl2onnx."""

import numpy as np
import onnx.helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from drawing import Drawn, classified, decided, named, numbers, signal, table_of, target


make_attribute = onnx.helper.make_attribute


def with_integers(key, value, *others, **options):
    """onnx refuses the booleans that skl2onnx writes for HistGradientBoosting's missing directions."""
    if isinstance(value, (list, tuple, np.ndarray)) and any(isinstance(entry, (bool, np.bool_)) for entry in value):
        value = [int(entry) for entry in value]
    return make_attribute(key, value, *others, **options)


onnx.helper.make_attribute = with_integers


def convert(rng, model, train, *, by_column=False, zipmap=None):
    """To ONNX with one input for all columns or one a column."""
    if by_column:
        types = [(name, FloatTensorType([None, 1]) if train[name].dtype.kind == "f" else StringTensorType([None, 1])) for name in train.columns]
    else:
        types = [("X", FloatTensorType([None, train.shape[1]]))]
    options = {id(model): {"zipmap": zipmap}} if zipmap is not None else {}
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if isinstance(last, LinearSVC):
        # In a pipeline skl2onnx asks for its probabilities otherwise, which it has not.
        options = {id(last): {"raw_scores": bool(rng.random() < 0.5)}}
    return to_onnx(model, initial_types=types, options=options or None).SerializeToString()


def scaled(rng, model, *, norms=True):
    scalers = [StandardScaler(), StandardScaler(with_mean=False), MinMaxScaler(), MinMaxScaler(feature_range=(-1, 2)), RobustScaler(), MaxAbsScaler(), Normalizer(str(rng.choice(["l1", "l2", "max"])))]
    steps = [scalers[i] for i in rng.permutation(len(scalers) if norms else len(scalers) - 1)[: rng.integers(0, 3)]]
    return make_pipeline(*steps, model) if steps else model


def describe(model):
    return " ".join(str(model).split())


def classifier(rng, model, *, decision=False, trees=False):
    """Scaling rounds differently in scikit-learn and ONNX, which decides where a value meets a threshold exactly: hence no ties."""
    train, rows = numbers(rng, ties=not trees)
    classes = int(rng.choice([2, 2, 3, 5]))
    model = scaled(rng, model, norms=not trees)
    model.fit(train.to_numpy(), named(rng, target(rng, train, classes)))
    answers = decided(model, rows.to_numpy()) if decision else classified(model, rows.to_numpy())
    if hasattr(model, "decision_function") and np.abs(model.decision_function(rows.to_numpy())).max() > 30:
        raise ValueError("a model that has diverged: its probabilities are all 0 or 1")
    zipmap = None if decision else bool(rng.random() < 0.5)
    return Drawn(describe(model), "onnx", convert(rng, model, train, zipmap=zipmap), rows, answers)


def regressor(rng, model, *, positive=False, trees=False):
    train, rows = numbers(rng, ties=not trees)
    y = signal(rng, train)
    model = scaled(rng, model, norms=not trees)
    model.fit(train.to_numpy(), np.abs(y) + 0.1 if positive else y * 10)
    return Drawn(describe(model), "onnx", convert(rng, model, train), rows, table_of(value=model.predict(rows.to_numpy())))


def linear_classifier(rng):
    models = [LogisticRegression(C=float(rng.choice([0.1, 1, 10])), max_iter=300), SGDClassifier(loss="log_loss")]
    return classifier(rng, models[rng.integers(len(models))])


def margin_classifier(rng):
    models = [LinearSVC(), SGDClassifier(loss="hinge"), Perceptron(), RidgeClassifier()]
    return classifier(rng, models[rng.integers(2)], decision=True)


def linear_regressor(rng):
    models = [LinearRegression(), Ridge(), Lasso(0.1), ElasticNet(0.1), LinearSVR(), BayesianRidge()]
    return regressor(rng, models[rng.integers(len(models))])


def generalized_regressor(rng):
    models = [PoissonRegressor(), GammaRegressor(), TweedieRegressor(power=1.5, link="log"), TweedieRegressor(power=0)]
    return regressor(rng, models[rng.integers(len(models))], positive=True)


def network(rng):
    options = dict(
        hidden_layer_sizes=tuple(int(n) for n in rng.integers(1, 12, size=rng.integers(1, 3))),
        activation=str(rng.choice(["relu", "tanh", "logistic", "identity"])),
        max_iter=20,
    )
    return classifier(rng, MLPClassifier(**options)) if rng.random() < 0.6 else regressor(rng, MLPRegressor(**options))


def forest(rng):
    options = dict(max_depth=int(rng.integers(1, 7)), random_state=int(rng.integers(1000)))
    count = dict(n_estimators=int(rng.integers(1, 20)))
    kinds = [
        lambda: classifier(rng, DecisionTreeClassifier(**options), trees=True),
        lambda: regressor(rng, DecisionTreeRegressor(**options), trees=True),
        lambda: classifier(rng, RandomForestClassifier(**options, **count), trees=True),
        lambda: regressor(rng, RandomForestRegressor(**options, **count), trees=True),
        lambda: classifier(rng, ExtraTreesClassifier(**options, **count), trees=True),
        lambda: regressor(rng, ExtraTreesRegressor(**options, **count), trees=True),
        lambda: classifier(rng, GradientBoostingClassifier(**options, **count), trees=True),
        lambda: regressor(rng, GradientBoostingRegressor(**options, **count), trees=True),
    ]
    return kinds[rng.integers(len(kinds))]()


def histogram_boosting(rng):
    """With missing values. Large enough to send some of them left: where all go right the file does not tell that there is a rule."""
    train, rows = numbers(rng, missing=float(rng.choice([0, 0.15])))
    options = dict(max_iter=int(rng.integers(6, 20)), max_leaf_nodes=int(rng.choice([8, 15])), random_state=0)
    if rng.random() < 0.6:
        model = HistGradientBoostingClassifier(**options).fit(train.to_numpy(), named(rng, target(rng, train, int(rng.choice([2, 3])))))
        answers = classified(model, rows.to_numpy())
    else:
        model = HistGradientBoostingRegressor(**options).fit(train.to_numpy(), signal(rng, train))
        answers = table_of(value=model.predict(rows.to_numpy()))
    directions = [tree.nodes["missing_go_to_left"].any() for trees in model._predictors for tree in trees]
    if rows.isna().any(axis=None) and not any(directions):
        raise ValueError("all missing values go right: the file does not tell that there is a rule for them")
    return Drawn(describe(model), "onnx", convert(rng, model, train), rows, answers)


def mixed_columns(rng):
    """Numbers with gaps and texts, each column by its name."""
    train, rows = numbers(rng, missing=0.1, ties=False)
    texts = {"purpose": ["car", "house, flat", "ä", "other"], "housing": ["own", "rent"]}
    for name, values in texts.items():
        train[name] = rng.choice(values, size=len(train))
        rows[name] = rng.choice(values + ["never seen"], size=len(rows))
    order = [str(name) for name in rng.permutation(train.columns)]
    train, rows = train[order], rows[order]
    plain = [name for name in order if name not in texts]
    scaler = [StandardScaler(), MinMaxScaler(), RobustScaler()][rng.integers(3)]
    columns = ColumnTransformer([
        ("number", make_pipeline(SimpleImputer(strategy=str(rng.choice(["mean", "median", "most_frequent"]))), scaler), plain),
        ("text", OneHotEncoder(handle_unknown="ignore", drop=None), list(texts)),
    ])
    heads = [LogisticRegression(max_iter=300), RandomForestClassifier(n_estimators=5, max_depth=4), GradientBoostingClassifier(n_estimators=5), MLPClassifier((6,), max_iter=20)]
    model = make_pipeline(columns, heads[rng.integers(len(heads))])
    filled = train[plain].fillna(0)
    y = target(rng, filled, int(rng.choice([2, 3])))
    y[: len(np.unique(y))] = np.unique(y)
    model.fit(train, named(rng, y))
    return Drawn(describe(model), "onnx", convert(rng, model, train, by_column=True, zipmap=False), rows, classified(model, rows))


KINDS = [
    (2, linear_classifier),
    (1, margin_classifier),
    (2, linear_regressor),
    (1.5, generalized_regressor),
    (3, network),
    (4, forest),
    (2, histogram_boosting),
    (3, mixed_columns),
]
