"""Reading what clients sent, in processes that may die of it."""
