"""xdistill: cross-modal knowledge distillation with plugins, recipes, leak-proof folds and honest statistics."""

__version__ = "0.1.0"
