"""Searching: which subjects, resources or actions there are for which a question would be answered with yes.

Whatever is searched for is tried, one by one, by the rules alone: searching charges no limit and is no decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from durwan.backends.bytecode import Evaluator
from durwan.credentials.key_table import KeyTable
from durwan.credentials.keys import KeySource, StaticKeys
from durwan.errors import DurwanError
from durwan.gateways.authzen.messages import Action, Evaluation
from durwan.gateways.authzen.translation import Translation
from durwan.runtime.engine import Engine
from durwan.runtime.key_lookup import prepared

Target = Literal["subject", "resource", "action"]


class NotSearchableError(DurwanError):
    """What is asked for cannot be enumerated here; the text says why."""


class Search:
    """Searches by the policy of an engine; it follows reloads.

    Args:
        engine: whose policy it is.
        translation: what stands for what.
        keys: where the engine looks up keys; None where these are its policy set's own.
        gateway: the context `gateway`.
        clock: milliseconds since the epoch.
        most: how many candidates are tried at most.
    """

    def __init__(  # noqa: PLR0913 - each is named where it is given
        self,
        engine: Engine,
        translation: Translation,
        *,
        keys: KeySource | None,
        gateway: Mapping[str, object],
        clock: Callable[[], int],
        most: int,
    ) -> None:
        self._engine = engine
        self._translation = translation
        self._keys = keys
        self._gateway = gateway
        self._clock = clock
        self._most = most
        self._current: tuple[str, Evaluator] | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """What can be searched for at all."""
        known = self._translation.entities
        subjects: tuple[Target, ...] = ("subject",) if known.subjects or _ids_of(self._source()) is not None else ()
        resources: tuple[Target, ...] = ("resource",) if known.resources or self._translation.templates() else ()
        return (*subjects, *resources, "action")

    def find(self, asked: Evaluation, target: Target) -> list[dict[str, str]]:
        """All that the question would be allowed for, in alphabetical order.

        Raises:
            NotSearchableError: candidates cannot be enumerated, or are too many.
        """
        status = self._engine.status()
        if not status.ready or status.stale:
            raise NotSearchableError("there is no policy at present that may decide")
        if target not in self.targets:
            raise NotSearchableError(f"no {target}s are known here: they come with each question")
        match target:
            case "subject":
                ids = self._found(lambda each: self._of_subject(asked, each), self._subjects(asked.subject.type))
                return [{"type": asked.subject.type, "id": each} for each in ids]
            case "resource":
                ids = self._found(lambda each: self._of_resource(asked, each), self._resources(asked.resource.type))
                return [{"type": asked.resource.type, "id": each} for each in ids]
            case "action":
                names = self._found(lambda each: self._of_action(asked, each), self._actions(asked))
                return [{"name": each} for each in names]

    def _found(self, question: Callable[[str], Evaluation], candidates: Iterable[str]) -> Iterator[str]:
        tried = sorted(set(candidates))
        if len(tried) > self._most:
            raise NotSearchableError(f"there are more than {self._most} candidates")
        return (each for each in tried if self._allows(question(each)))

    def _allows(self, asked: Evaluation) -> bool:
        request: dict[str, Any] = self._translation.request(asked)
        now = self._clock()
        return self._evaluator().decide_carefully({**request, "gateway": self._gateway, "now": now}).allowed

    def _evaluator(self) -> Evaluator:
        compiled = self._engine.compiled
        if self._current is None or self._current[0] != compiled.revision:
            keys = prepared(self._source(), compiled.program.schema)
            evaluator = Evaluator(compiled.program, clock=self._clock, keys=keys, revision=compiled.revision)
            self._current = compiled.revision, evaluator
        return self._current[1]

    def _source(self) -> KeySource:
        return self._engine.compiled.keys if self._keys is None else self._keys

    # ------------------------------------------------------------------------------------------------- candidates

    def _subjects(self, kind: str) -> Iterable[str]:
        if kind not in self._translation.names.key_subjects:
            return self._translation.entities.of_type("subjects", kind)
        found = _ids_of(self._source())
        if found is None:
            raise NotSearchableError("the keys cannot be enumerated where they are kept")
        return found

    def _resources(self, kind: str) -> Iterable[str]:
        if kind in self._translation.names.route_resources:
            return self._translation.templates()
        return self._translation.entities.of_type("resources", kind)

    def _actions(self, asked: Evaluation) -> Iterable[str]:
        if asked.resource.type in self._translation.names.route_resources:
            return self._translation.methods_at(asked.resource.id)
        declared = self._engine.compiled.program.schema.actions
        named = (self._translation.action_names(each, asked.resource.type) for each in declared)
        return [each for each in named if each is not None]

    @staticmethod
    def _of_subject(asked: Evaluation, subject_id: str) -> Evaluation:
        return replace(asked, subject=replace(asked.subject, id=subject_id))

    @staticmethod
    def _of_resource(asked: Evaluation, resource_id: str) -> Evaluation:
        return replace(asked, resource=replace(asked.resource, id=resource_id))

    @staticmethod
    def _of_action(asked: Evaluation, name: str) -> Evaluation:
        return replace(asked, action=Action(name=name))


def _ids_of(keys: KeySource) -> list[str] | None:
    """The ids of all keys of a source; None where they cannot be enumerated."""
    if isinstance(keys, (KeyTable, StaticKeys)):
        return [key_id for key_id, _ in keys.items()]
    return None


__all__ = ["NotSearchableError", "Search", "Target"]
