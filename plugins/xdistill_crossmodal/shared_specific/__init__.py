"""ShaSpec: features that the modalities share, and features that are specific to each."""
