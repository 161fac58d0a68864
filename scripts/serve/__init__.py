"""Trained pipelines are served over HTTP, and looked at on a page."""
