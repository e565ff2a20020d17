"""XGBoost, a hundred trees of depth 4 on 30 features of 6 bits, one encrypted record; prints milliseconds of one evaluation."""

from concrete.ml.sklearn import XGBClassifier
from concrete_timing import print_milliseconds
from sklearn.datasets import load_breast_cancer

features, target = load_breast_cancer(return_X_y=True)
model = XGBClassifier(n_bits=6, n_estimators=100, max_depth=4)
model.fit(features[:400], target[:400])
print_milliseconds(model, features[:400], features[400:401])
