"""Building blocks of metrics, judges by name, and the runner that writes evaluation.json.

A metric is a function registered under the name of a task: `(model, *, limit, samples) -> dict`.
"""
