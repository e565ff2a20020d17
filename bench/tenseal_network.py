"""784-392-10 with a square activation on one encrypted image; prints the median milliseconds of three evaluations."""

import statistics
import time

import numpy
import tenseal

random = numpy.random.default_rng(7)
first, second = random.normal(0, 0.03, (784, 392)), random.normal(0, 0.05, (392, 10))
biases = random.normal(0, 0.1, 392), random.normal(0, 0.1, 10)
image = random.uniform(0, 1, 784)

context = tenseal.context(
    tenseal.SCHEME_TYPE.CKKS, poly_modulus_degree=8192, coeff_mod_bit_sizes=[40, 26, 26, 26, 40]
)
context.global_scale = 2**26
context.generate_galois_keys()
context.generate_relin_keys()
encrypted = tenseal.ckks_vector(context, image).serialize()
first, second = first.tolist(), second.tolist()

times = []
for _ in range(3):
    started = time.perf_counter()
    x = tenseal.ckks_vector_from(context, encrypted)
    x = x.mm(first) + biases[0].tolist()
    x.square_()
    x = x.mm(second) + biases[1].tolist()
    x.serialize()
    times.append((time.perf_counter() - started) * 1000)

clear = (image @ numpy.array(first) + biases[0]) ** 2 @ numpy.array(second) + biases[1]
error = numpy.abs(numpy.array(x.decrypt()) - clear).max()
assert error < 0.1, error
print(statistics.median(times))
