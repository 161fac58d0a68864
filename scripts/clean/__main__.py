"""Remove what the commands made, but not pretrained and distilled encoders, which took hours.

python -m scripts.clean
"""

import shutil
from pathlib import Path

from wasabi import msg

from scripts import cli

MADE = ("corpus", "metrics", "packages", "exports")
TRAINING, KEPT = "training", ("pretrained", "distilled")


def main() -> None:
    """Remove corpora, trained models, metrics, packages and exports from the project's folder."""
    trained = [path for path in Path(TRAINING).glob("*") if path.name not in KEPT]
    for path in (*map(Path, MADE), *trained):
        if path.is_dir():
            shutil.rmtree(path)
            msg.good(f"Removed {path}")


if __name__ == "__main__":
    cli.run(main)
