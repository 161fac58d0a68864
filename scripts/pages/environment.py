"""Pages and tables from Jinja templates: the environment of every stage that writes one."""

import shlex
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

STYLE = Path(__file__).parent / "templates"  # what all pages share


def create_environment(templates: Path) -> Environment:
    """An environment that finds the templates of a stage and the style of all pages.

    templates (Path): The stage's folder; in its .html templates values are escaped.
    """
    environment = Environment(
        loader=FileSystemLoader([templates, STYLE]),
        autoescape=lambda name: bool(name) and ".html" in name,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value: f"{100 * value:.2f}"
    environment.filters["points"] = lambda value: f"{100 * value:+.2f}"
    environment.filters["share"] = lambda value: "undefined" if value is None else f"{value:.3f}"
    environment.filters["quoted"] = shlex.quote  # for a command line
    environment.filters["number"] = lambda value: f"{value:,.0f}"
    return environment
