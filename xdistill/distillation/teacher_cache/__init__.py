"""The teacher cache: a teacher that is trained alone is trained once, and found again by a key."""
