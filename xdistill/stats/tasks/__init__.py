"""Metrics of tasks other than classification: pure functions of target, predictions and names."""
