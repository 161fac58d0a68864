"""The component for assertions, left out of a training whose notes have none."""

from typing import Any

from thinc.api import Config

from scripts.corpus.given import COMPONENT


def leave_out(config: Config) -> dict[str, Any]:
    """Overrides for a training without the component; none if the config has no such component."""
    if COMPONENT not in config["nlp"]["pipeline"]:
        return {}
    weights = config["training"]["score_weights"]
    return {
        "nlp.pipeline": [name for name in config["nlp"]["pipeline"] if name != COMPONENT],
        **{f"training.score_weights.{name}": None for name in weights if name.startswith(f"{COMPONENT}_")},
        "training.score_weights.ents_f": 1.0,
    }
