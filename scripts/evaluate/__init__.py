"""A trained pipeline reads the test notes, and is scored by every official definition."""
