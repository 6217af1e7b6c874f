"""From a finished experiment to a model folder, and what is done with one: evaluation, explanation, export, serving."""
