"""Pages that stand alone: one HTML file, all styles in it, everything from outside escaped."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from durwan.errors import DurwanError


class PagesNotInstalledError(DurwanError):
    """A page is asked for, and the package that fills in templates is not installed."""

    command = "pip install 'durwan[check]'"

    def __init__(self) -> None:
        super().__init__(f"HTML pages need jinja2: {self.command}")


def render_page(package: str, template: str, content: Mapping[str, object]) -> str:
    """Fills in a template.

    Args:
        package: the package beside whose modules the template lies, such as `durwan.workshop.coverage`.
        template: the name of its file.
        content: the names that it uses.

    Raises:
        PagesNotInstalledError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - few commands make pages, and it is an extra
    except ModuleNotFoundError as error:
        raise PagesNotInstalledError from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = files(package).joinpath(template).read_text("utf-8")
    return environment.from_string(text).render(content)
