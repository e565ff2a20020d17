"""XGBoost, a hundred trees of depth 4 on 30 features of 6 bits, one encrypted record; prints milliseconds of one evaluation."""

import time

from concrete.ml.sklearn import XGBClassifier
from sklearn.datasets import load_breast_cancer

features, target = load_breast_cancer(return_X_y=True)
model = XGBClassifier(n_bits=6, n_estimators=100, max_depth=4)
model.fit(features[:400], target[:400])
circuit = model.compile(features[:400])
circuit.keygen()
encrypted = circuit.encrypt(model.quantize_input(features[400:401]))
started = time.perf_counter()
circuit.run(encrypted)
print((time.perf_counter() - started) * 1000)
