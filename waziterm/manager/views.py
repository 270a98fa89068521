"""What is shown of an instance, made from what is known of it."""

from dataclasses import replace
from typing import Protocol

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.fleet.counts import Counts
from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import mask_jid, mask_number
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.text import mask_proxy
from waziterm.domain.version import UsedVersion


@dataclass(frozen=True, slots=True)
class Health:
    """What is measured of an instance and not stored; see `InstanceView`."""

    probe_s: float | None = None
    probed_at: float | None = None

    def shifted(self, by: float) -> "Health":
        """The same after the clock was set by so many seconds."""
        return self if self.probed_at is None else replace(self, probed_at=self.probed_at + by)


class Shown(Protocol):
    """Who is shown. Its view is made when somebody looks."""

    @property
    def instance(self) -> Instance: ...

    @property
    def view(self) -> InstanceView: ...


def view_of(
    instance: Instance,
    health: Health,
    pid: int | None,
    counts: Counts | None = None,
    version: UsedVersion | None = None,
    silenced_until: float | None = None,
    messages: QueueCounts | None = None,
) -> InstanceView:
    """An instance as screen, JSON and tests see it. version, silenced_until, messages: see
    `InstanceView`. counts: None where no manager counts."""
    counted = counts or Counts()
    return InstanceView(
        name=instance.name,
        state=instance.state,
        reason=instance.reason,
        detail=instance.detail,
        next_step=instance.next_step,
        wanted=instance.wanted,
        paired=instance.is_paired,
        jid=mask_jid(instance.jid),
        since=instance.since,
        next_attempt=instance.next_attempt,
        connected_at=instance.connected_at,
        probe_s=health.probe_s,
        probed_at=health.probed_at,
        sent=counted.sends_ok,
        lost=counted.lost,
        attempt=instance.attempt,
        attempts=counted.attempts,
        attempts_ok=counted.attempts_ok,
        proxy=mask_proxy(instance.way) if instance.way else None,
        pid=pid,
        phone=mask_number(instance.phone) if instance.phone else None,
        other_number=instance.other_number,
        version=version,
        no_new_chats_until=instance.no_new_chats_until,
        phone_seen_at=instance.phone_seen_at,
        note=instance.note,
        tags=instance.tags,
        device_name=instance.device,
        isolated=instance.is_isolated,
        receipts=instance.hears_receipts,
        messages=messages,
        silenced_until=silenced_until,
        qr=instance.qr,
        code=instance.code,
        id=instance.id,
    )
