"""The project after its whole workflow, made once for all tests that need it."""

import pytest

from tests.projects import SETTINGS, Project, copy_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with so few notes (4 train, 1 dev, 2 test) that an epoch is a step or two."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def workflow(project: Project) -> Project:
    """The project after `spacy project run all` with tiny encoders and one epoch, its output in run.log."""
    done = project.run("-m", "spacy", "project", "run", "all", ".", *SETTINGS)
    project.path("run.log").write_text(done.stdout + done.stderr, encoding="utf8")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project
