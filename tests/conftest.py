"""How all tests run: hypothesis without deadlines, and the same examples in every run of CI."""

import os

from hypothesis import settings

settings.register_profile("medner", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("medner")
