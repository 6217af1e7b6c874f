"""The old name of `xdistill.crossval`; only `xdistill.engine.events` is left of it, for one version."""
