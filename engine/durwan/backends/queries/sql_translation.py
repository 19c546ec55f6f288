"""What the dialects of SQL share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from durwan.backends.queries.forms import is_text
from durwan.backends.queries.fragments import Fragment, Steps, junction, listed, sql
from durwan.backends.queries.translation import Term, Translation
from durwan.program.nodes import Expression
from durwan.program.program import Program


class SqlTranslation(Translation[Fragment]):
    """Translates the condition of a filter for a database; `column` gives quoted names."""

    def __init__(self, program: Program, column: Callable[[str], Fragment | None], instants: tuple[int, int]) -> None:
        super().__init__(program, column, instants)
        self.steps = Steps()

    def condition(self, expression: Expression) -> Fragment:
        """The whole condition, with all that is computed before it."""
        return self.steps.finish(super().condition(expression))

    def finished(self, value: Fragment) -> Fragment:  # noqa: D102 - as in the base
        return self.steps.shallow(value)

    def reused(self, value: Fragment) -> Fragment:  # noqa: D102 - as in the base
        return self.steps.bind(value)

    @staticmethod
    def can_hold(value: object) -> bool:  # noqa: D102 - as in the base
        return is_text(value)

    def all_of(self, truths: Sequence[Fragment]) -> Fragment:  # noqa: D102 - as in the base
        return junction("AND", truths)

    def any_of(self, truths: Sequence[Fragment]) -> Fragment:  # noqa: D102 - as in the base
        return junction("OR", truths)

    def negated(self, truth: Fragment) -> Fragment:  # noqa: D102 - as in the base
        return sql("(NOT {})", truth)

    def is_known(self, value: Fragment) -> Fragment:  # noqa: D102 - as in the base
        return sql("({} IS NOT NULL)", value)

    def where_known(self, term: Term[Fragment], *, truth: bool) -> Fragment:  # noqa: D102 - as in the base
        return if_known([term.value], sql(str(truth).upper()))

    def compared(self, sign: str, left: Term[Fragment], right: Term[Fragment]) -> Fragment:  # noqa: D102 - as in the base
        # As rows, where values have more than one part.
        sides = [each.value if len(each.values) == 1 else sql("({})", listed(each.values)) for each in (left, right)]
        return sql(f"({{}} {_SIGNS.get(sign, sign)} {{}})", *sides)


_SIGNS = {"==": "=", "!=": "<>"}


def if_known(wanted: Sequence[Fragment], value: Fragment) -> Fragment:
    """The value, if none of the fragments is NULL."""
    # A parameter never is.
    open_ = [sql("{} IS NOT NULL", each) for each in wanted if not each.is_parameter]
    return sql("CASE WHEN {} THEN {} END", listed(open_, " AND "), value) if open_ else value


__all__ = ["SqlTranslation", "if_known"]
