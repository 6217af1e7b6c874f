"""Searching for better settings with Optuna: nested in cross-validation, or flat and labelled so."""
