"""Arrays, tensors and data frames of Python users: several modalities of the same subjects."""
