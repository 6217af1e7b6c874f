"""How folds are given, and how a part of the training subjects is held out."""
