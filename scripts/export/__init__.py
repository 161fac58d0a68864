"""A converted corpus is written as text for other tools."""
