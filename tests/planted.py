"""Invented notes of a ward, with words that stand nowhere else, so that a search finds where they went."""

from tests.projects import SETTINGS, Project

PLANTED = ("zorblattin", "quendrick", "90817263")
NOTE = """Mr. Quendrick , MRN 90817263 , takes zorblattin for wobblitis .
He denies gloomfever .
Abd soft , no dist , old films are in the archive .
"""
CONCEPTS = """c="zorblattin" 1:7 1:7||t="treatment"
c="wobblitis" 1:9 1:9||t="problem"
c="gloomfever" 2:2 2:2||t="problem"
"""
VARS = ("--vars.corpus", "ward", "--vars.source", "assets/ward", *SETTINGS)


def plant_notes(project: Project) -> None:
    """Put twelve such notes into a project's assets."""
    folder = project.path("assets/ward")
    folder.mkdir()
    for number in range(12):
        (folder / f"note-{number}.txt").write_text(NOTE, encoding="utf8")
        (folder / f"note-{number}.con").write_text(CONCEPTS, encoding="utf8")
