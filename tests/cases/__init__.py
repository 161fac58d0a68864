"""Small corpora that users' reports led to, by name."""

from pathlib import Path

from scripts.archives import File, read_files


def case(name: str) -> list[File]:
    return list(read_files(Path(__file__).parent / name))
