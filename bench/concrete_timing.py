"""What is timed of a Concrete ML model: the evaluation of one encrypted record, by whoever holds the model."""

import time


def print_milliseconds(model, calibration, record):
    circuit = model.compile(calibration)
    circuit.keygen()
    encrypted = circuit.encrypt(model.quantize_input(record))
    started = time.perf_counter()
    circuit.run(encrypted)
    print((time.perf_counter() - started) * 1000)
