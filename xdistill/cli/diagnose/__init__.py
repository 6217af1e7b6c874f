"""``xdistill diagnose``."""
