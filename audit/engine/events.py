"""From a parsed record to its events: envelopes, batches, origins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from audit.engine.names import Names
from audit.engine.parse import Document
from audit.engine.times import times_of
from audit.model import UNKNOWN, Event, Json, Place, Pointer, Reason, Unreadable, resolve
from audit.policy.pack import Policy


class Wire(NamedTuple):
    """What is known of a message that was met on its way: when the capture saw it, and the call that its path says."""

    seen_at: datetime | None = None
    call: str | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns documents into events of one policy. `override`: the origin that the auditor says an input has; `subjects`:
    whether to ask whose consent an event falls under."""

    policy: Policy
    names: Names
    override: str | None = None
    wire: Wire | None = None
    subjects: bool = True

    def read(self, document: Document, place: Place) -> Iterator[Event | Unreadable]:
        """The events of one unit; an Unreadable for each item that is none."""
        value = document.value
        batch = self.policy.envelope.batch
        if isinstance(value, list):
            yield from self._items(value, {}, document, place, ())
        elif not isinstance(value, dict):
            yield Unreadable(place, Reason.NOT_OBJECT)
        elif batch is not None and value.get(batch) is not None and not self._has_envelope(value):
            items = value[batch]
            if not isinstance(items, list):
                yield Unreadable(place, Reason.BATCH)
            else:
                yield from self._items(items, {k: v for k, v in value.items() if k != batch}, document, place, (batch,))
        else:
            yield self._event(value, place, document.hidden, document.duplicates)

    def _items(
        self, items: list[Json], outer: dict[str, Json], document: Document, place: Place, base: Pointer
    ) -> Iterator[Event | Unreadable]:
        if not items:
            yield Unreadable(place, Reason.EMPTY_BATCH)
        for index, item in enumerate(items):
            here = place._replace(item=index)
            if not isinstance(item, dict):
                yield Unreadable(here, Reason.NOT_OBJECT)
                continue
            at = (*base, index)
            hidden = [(pointer[len(at) :], value) for pointer, value in document.hidden if pointer[: len(at)] == at]
            doubled = [pointer[len(at) :] for pointer in document.duplicates if pointer[: len(at)] == at]
            shadowed = [((key,), value) for key, value in outer.items() if key in item and value != item[key]]
            if index == 0:  # what stands at the batch's own level is looked at once, with its first event
                outside = [(p, v) for p, v in document.hidden if base and p[: len(base)] != base]
                hidden += [*shadowed, *outside]
                doubled += [p for p in document.duplicates if base and (p == base or p[: len(base)] != base)]
            yield self._event({**outer, **item}, here, tuple(hidden), tuple(doubled))

    def _has_envelope(self, value: dict[str, Json]) -> bool:
        envelope = self.policy.envelope
        if envelope.name is not None and resolve(value, envelope.name) is not None:
            return True
        return self._call(value) is not None

    def _call(self, value: dict[str, Json]) -> str | None:
        envelope = self.policy.envelope
        call = resolve(value, envelope.call) if envelope.call is not None else None
        if not isinstance(call, str):
            return None
        plain = call.strip().casefold()
        return plain if plain in envelope.calls or plain == envelope.named else None

    def _event(
        self,
        value: dict[str, Json],
        place: Place,
        hidden: tuple[tuple[Pointer, Json], ...],
        doubled: tuple[Pointer, ...],
    ) -> Event | Unreadable:
        envelope = self.policy.envelope
        if self.wire is not None:
            value = self._called(value, self.wire)
        if not self._has_envelope(value):
            return Unreadable(place, Reason.NO_ENVELOPE)
        found = resolve(value, envelope.name) if envelope.name is not None else None
        name = found if isinstance(found, str) else None
        call = self._call(value)
        origin = self._origin(name, call, value)
        message_id = resolve(value, envelope.id) if envelope.id is not None else None
        return Event(
            place=place,
            value=value,
            name=None if call is not None and call != envelope.named else name,
            call=call,
            origin=origin,
            times=times_of(value, envelope, self.wire.seen_at if self.wire is not None else None),
            message_id=message_id if isinstance(message_id, str) else None,
            hidden=hidden,
            duplicates=doubled,
            wire=self.wire is not None,
            subject=self.policy.subject_of(origin, value) if self.subjects else None,
        )

    def _called(self, value: dict[str, Json], wire: Wire) -> dict[str, Json]:
        """The event with the kind of call that its path says, as a collector writes it down."""
        call = self.policy.envelope.call
        if wire.call is None or call is None or len(call) != 1 or value.get(str(call[0])) is not None:
            return value
        return {**value, str(call[0]): wire.call}

    def _origin(self, name: str | None, call: str | None, value: dict[str, Json]) -> str:
        if name is not None and (call is None or call == self.policy.envelope.named):
            entry = self.names.standing(name).type
            if entry is not None and entry.name in self.policy.events:
                return entry.origin
        return self.override or self.policy.origin_of(value) or UNKNOWN
