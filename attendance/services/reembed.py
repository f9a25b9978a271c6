"""Templates for pictures that have none of the engine's model: from older databases, and after a change of model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from attendance.domain.reasons import reason_for
from attendance.domain.vocabulary import Reason
from attendance.errors import CorruptRecordError, ImageUnreadableError, PersonNotFoundError
from attendance.services.audit import recorded
from attendance.services.clock import now_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from attendance.domain.model import Reference
    from attendance.faces.base import FaceEngine
    from attendance.services.clock import Clock
    from attendance.store.base import Store

# Pictures whose templates are stored at once: what a kill costs again, against a write for every picture.
BATCH = 16

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FailedPicture:
    """A stored picture of which no template can be made; ``reason`` is one of ``domain.model.Reason``."""

    reference_id: str
    person_id: str
    reason: str


@dataclass(slots=True)
class Reembedding:
    """What was done.

    Attributes:
        model_id: whose templates were made.
        total: pictures that had none when it began.
        done: templates made and stored this time.
        failed: pictures of which none can be made; stored as such, not tried again.
        activated: whether this model was made the one that decides.
        complete: False where it was stopped; the next run goes on from there.
    """

    model_id: str
    total: int = 0
    done: int = 0
    failed: list[FailedPicture] = field(default_factory=list)
    activated: bool = False
    complete: bool = False


class ReembedService:
    """Makes templates from stored pictures. Stopped or killed at any point, it goes on where it was."""

    def __init__(self, store: Store, engine: FaceEngine, clock: Clock = now_utc) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock

    def prepare_new(
        self,
        progress: Callable[[int, int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Reembedding:
        """Embed pictures that an older app wrote, so that its people can check in at once.

        Where no model decides yet, the engine's does from the first batch on: those who are ready need not wait for the
        others. Where another model decides, nothing is done; changing models is ``run``.

        Args:
            progress: told pictures looked at, in all, and failed among them, after every batch.
            should_stop: asked before every batch.

        Raises:
            StoreUnavailableError, InferenceError: what was stored stays.
        """
        model_id = self._engine.model.model_id
        active = self._store.active_model()
        if active not in {None, model_id}:
            return Reembedding(model_id)
        return self._embed(progress, should_stop, activate_early=active is None)

    def run(
        self,
        progress: Callable[[int, int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        *,
        actor: str = "operator",
        before_switch: Callable[[], object] | None = None,
    ) -> Reembedding:
        """Make a template of every stored picture for the engine's model, then let that model decide, at once.

        Until then the people are recognised by the templates of the model before. It is not switched where not one
        picture could be embedded.

        Args and errors: as ``prepare_new``; ``actor`` is who changes the model, for the audit; ``before_switch`` is called
        when all templates are there, just before the model is let decide, and what it raises leaves the old one in place.
        """
        work = self._embed(progress, should_stop, activate_early=False)
        before = self._store.active_model()
        if not work.complete or before == work.model_id:
            return work
        if self._has_templates() or self._store.count_references() == 0:
            details = {"model_id": work.model_id, "before": before}
            if before_switch is not None:
                before_switch()
            with recorded(self._store, self._clock, actor, "activate-model", details):
                self._store.activate_model(work.model_id)
            work.activated = True
            log.info("model_activated", model_id=work.model_id)
            # Pictures that were enrolled between the last look and the switch.
            self._batches(work, None, should_stop, activate_early=False)
        return work

    def _embed(
        self,
        progress: Callable[[int, int, int], None] | None,
        should_stop: Callable[[], bool] | None,
        *,
        activate_early: bool,
    ) -> Reembedding:
        work = Reembedding(self._engine.model.model_id)
        tried = sum(c.templates + c.failed for c in self._store.template_coverage() if c.model_id == work.model_id)
        work.total = max(0, self._store.count_references() - tried)
        self._batches(work, progress, should_stop, activate_early=activate_early)
        log.info("reembedded", model_id=work.model_id, done=work.done, failed=len(work.failed), complete=work.complete)
        return work

    def _batches(
        self,
        work: Reembedding,
        progress: Callable[[int, int, int], None] | None,
        should_stop: Callable[[], bool] | None,
        *,
        activate_early: bool,
    ) -> None:
        after: str | None = None
        while batch := self._store.references_without_template(work.model_id, limit=BATCH, after=after):
            if should_stop is not None and should_stop():
                work.complete = False
                return
            made = {one.reference_id: template for one in batch if (template := self._template(one)) is not None}
            self._store.put_templates(work.model_id, made)
            for one in batch:
                template = made.get(one.reference_id)
                if isinstance(template, str):
                    work.failed.append(FailedPicture(one.reference_id, one.person_id, template))
                elif template is not None:
                    work.done += 1
            after = batch[-1].reference_id
            if activate_early and work.done and not work.activated:
                self._store.activate_model(work.model_id)
                work.activated = True
            if progress is not None:
                seen = work.done + len(work.failed)
                progress(seen, max(work.total, seen), len(work.failed))
        work.complete = True

    def _template(self, reference: Reference) -> NDArray[np.float32] | str | None:
        """The embedding, the reason why there is none, or None where the picture has been removed meanwhile."""
        try:
            capture = self._engine.capture(self._store.picture(reference.reference_id))
        except PersonNotFoundError:
            return None
        except CorruptRecordError:  # a document of an older database without usable bytes
            return str(Reason.UNREADABLE_PICTURE)
        except ImageUnreadableError as error:
            return str(reason_for(error))
        if capture.refusal is not None:
            return str(reason_for(capture.refusal))
        return capture.embedding

    def _has_templates(self) -> bool:
        model_id = self._engine.model.model_id
        return any(c.templates > 0 for c in self._store.template_coverage() if c.model_id == model_id)
