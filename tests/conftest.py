"""How all tests run: hypothesis without deadlines, the same examples in every run of CI, and no hub."""

import os

from hypothesis import settings

# Read when huggingface_hub is imported; a name that is no folder would be looked for on the network, again and again.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

settings.register_profile("medner", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("medner")
