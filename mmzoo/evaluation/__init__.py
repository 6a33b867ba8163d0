"""Metrics, the independent judge, and the runner that writes evaluation.json.

A protocol is a registered metric named after a task: a function `(model, *, limit, samples) -> dict`.
"""
