"""The project after its whole workflow, made once for all tests that need it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.planted import VARS, plant_notes
from tests.projects import SETTINGS, Project, copy_project

OWN_PROJECT = {"test_distill", "test_gaps", "test_pretrain"}  # need neither


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future]]:
    """`spacy project run all` on the sample's notes and on planted ones, at once, since each is busy on one core."""
    names = {item.path.stem for item in request.session.items} - OWN_PROJECT
    wanted = {"sample": names - {"test_leaks"}, "ward": names & {"test_leaks"}}
    # One after the other, as their encoders' random weights come from one generator.
    projects = {name: copy_project(tmp_path_factory.mktemp(name)) for name in wanted if wanted[name]}
    if "ward" in projects:
        plant_notes(projects["ward"])
    settings = {"sample": SETTINGS, "ward": VARS}
    with ThreadPoolExecutor(len(projects)) as pool:
        yield {name: pool.submit(run_all, project, settings[name]) for name, project in projects.items()}


def run_all(project: Project, settings: Sequence[str]) -> Project:
    """Run the workflow with so few notes (of the sample 4 train, 3 dev, 2 test) that an epoch takes a moment."""
    done = project.run("-m", "spacy", "project", "run", "all", ".", *settings)
    project.path("run.log").write_text(done.stdout + done.stderr, encoding="utf8")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project


@pytest.fixture(scope="session")
def workflow(runs: dict[str, Future]) -> Project:
    """The project after `all` with tiny encoders, its output in run.log."""
    return runs["sample"].result()


@pytest.fixture(scope="session")
def ward(runs: dict[str, Future]) -> Project:
    """The project after `all` on twelve planted notes."""
    return runs["ward"].result()
