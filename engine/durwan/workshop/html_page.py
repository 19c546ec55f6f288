"""Pages that stand alone: one HTML file, all styles in it, everything from outside escaped and visible."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from durwan.diagnostics.hidden import HIDDEN
from durwan.errors import DurwanError


class PagesNotInstalledError(DurwanError):
    """A page is asked for, and the package that fills in templates is not installed."""

    command = "pip install 'durwan[check]'"

    def __init__(self) -> None:
        super().__init__(f"HTML pages need jinja2: {self.command}")


def render_page(template: str, content: Mapping[str, object]) -> str:
    r"""Fills in a template.

    What a text holds that could not be seen, or would put what is around it in another order, stands there as
    `\u{202e}`.

    Args:
        template: the path of its file below `durwan.workshop`; so are the templates that it includes named.
        content: the names that it uses.

    Raises:
        PagesNotInstalledError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415 - an extra that few commands need
    except ModuleNotFoundError as error:
        raise PagesNotInstalledError from error
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(content)


def _template(path: str) -> str:
    return files("durwan.workshop").joinpath(*path.split("/")).read_text("utf-8")


def _visible(value: object) -> object:
    # What is markup already was made visible when it was made; a text in HTML needs its line breaks and tabs.
    if type(value) is not str:
        return value
    return HIDDEN.sub(lambda hidden: f"\\u{{{ord(hidden[0]):x}}}", value)
