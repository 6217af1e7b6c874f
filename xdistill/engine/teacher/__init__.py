"""Kept teachers: what a teacher learned, and what a frozen one said, computed once and found again by a key."""
