"""784-392-10 with ReLU, weights and activations of 4 bits, on one encrypted image; prints milliseconds of one evaluation."""

import numpy
from concrete.ml.sklearn import NeuralNetClassifier
from concrete_timing import print_milliseconds
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
# Images of 28 x 28 from those of 8 x 8: what is evaluated depends on the shape and the bits.
images = numpy.kron(digits.images / 16.0, numpy.ones((1, 4, 4)))[:, 2:30, 2:30]
images = images.reshape(len(images), 784).astype("float32")

model = NeuralNetClassifier(
    module__n_layers=2,
    module__n_hidden_neurons_multiplier=0.5,
    module__n_w_bits=4,
    module__n_a_bits=4,
    module__n_accum_bits=16,
    module__activation_function=nn.ReLU,
    max_epochs=3,
    verbose=0,
)
model.fit(images[:1500], digits.target[:1500])
print_milliseconds(model, images[:300], images[1600:1601])
