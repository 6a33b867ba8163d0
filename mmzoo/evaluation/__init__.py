"""What metrics are made of, judges by name, and the runner that writes evaluation.json.

A metric is registered under the name of a task: a function `(model, *, limit, samples) -> dict`.
"""
