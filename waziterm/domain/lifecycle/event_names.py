"""The names of the events in the history: words of its own, which outlive a class's name."""

from collections.abc import Mapping
from enum import StrEnum

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.reasons import Reason


class EventName(StrEnum):
    """What led to a change, as the history stores it since the first version: none of these words
    may ever change. ADDED: the instance is new, by no event. RENAMED: it has another name."""

    ADDED = "Added"
    RENAMED = "Renamed"
    QR_SHOWN = "QrShown"
    CODE_SHOWN = "CodeShown"
    PAIR_SUCCEEDED = "PairSucceeded"
    PAIR_FAILED = "PairFailed"
    CONNECTED = "Connected"
    DISCONNECTED = "Disconnected"
    KEEP_ALIVE_TIMEOUT = "KeepAliveTimeout"
    KEEP_ALIVE_RESTORED = "KeepAliveRestored"
    STREAM_REPLACED = "StreamReplaced"
    LOGGED_OUT = "LoggedOut"
    TEMPORARY_BAN = "TemporaryBan"
    CONNECT_FAILURE = "ConnectFailure"
    CLIENT_OUTDATED = "ClientOutdated"
    STREAM_ERROR = "StreamError"
    NEW_CHATS_BARRED = "NewChatsBarred"
    HISTORY_CAME = "HistoryCame"
    PHONE_SEEN = "PhoneSeen"
    DIAL_FAILED = "DialFailed"
    AUTHENTICATED = "Authenticated"
    STORE_FAILING = "StoreFailing"
    SESSION_BROKEN = "SessionBroken"
    PAIRINGS_AHEAD = "PairingsAhead"
    DIALLING = "Dialling"
    NOT_STARTED = "NotStarted"
    LIBRARY_DEAF = "LibraryDeaf"
    WORKER_LOST = "WorkerLost"
    REGROUP_ASKED = "RegroupAsked"
    WORKER_DIED = "WorkerDied"
    PROBE_ANSWERED = "ProbeAnswered"
    PROBE_MISSED = "ProbeMissed"
    PROBE_REFUSED = "ProbeRefused"
    SEND_UNANSWERED = "SendUnanswered"
    HOLDER_FOUND = "HolderFound"
    TAKEN_OVER = "TakenOver"
    SUSPECTS_FOUND = "SuspectsFound"
    NETWORK_BACK = "NetworkBack"
    DROP_SHARED = "DropShared"
    DEVICE_FOUND = "DeviceFound"
    SESSION_MISSING = "SessionMissing"
    FLEET_OUTDATED = "FleetOutdated"
    VERSION_AWAITED = "VersionAwaited"
    VERSION_CHANGED = "VersionChanged"
    BOOTED = "Booted"
    CLOCK_SET = "ClockSet"
    NOT_CARRIED_OUT = "NotCarriedOut"
    DUE = "Due"
    START_ASKED = "StartAsked"
    STOP_ASKED = "StopAsked"
    RECONNECT_ASKED = "ReconnectAsked"
    CLEAN_ASKED = "CleanAsked"
    PAUSE_ASKED = "PauseAsked"
    SESSION_RESTORED = "SessionRestored"
    NOT_MOVED = "NotMoved"
    EDIT_ASKED = "EditAsked"
    EXPORT_ASKED = "ExportAsked"


NAMING = (EventName.HOLDER_FOUND, EventName.SUSPECTS_FOUND, EventName.TAKEN_OVER)
"""By these it is told who has a session."""
OF_CONFLICTS = (*NAMING, EventName.STREAM_REPLACED)
"""What is a conflict, or tells more of one, is one of these."""


def tells_of_a_conflict(event: str, reason: Reason) -> bool:
    """Whether a change in the history is a conflict: WhatsApp told it, or another client that has
    the session was found. event: its name. reason: for which the instance was then in its state.

    The attempt after it is none, nor a command that its cool-down refused, nor what an earlier
    waziterm guessed from connections that kept ending. Conflicts are counted by this alone.
    """
    seen = event in (EventName.HOLDER_FOUND, EventName.TAKEN_OVER)
    return event == EventName.STREAM_REPLACED or (seen and reason.is_of_a_conflict)


def name_of(event: ev.Event) -> EventName:
    """The name of an event in the history."""
    return NAMES[type(event)]


NAMES: Mapping[type[ev.Event], EventName] = {
    ev.QrShown: EventName.QR_SHOWN,
    ev.CodeShown: EventName.CODE_SHOWN,
    ev.PairSucceeded: EventName.PAIR_SUCCEEDED,
    ev.PairFailed: EventName.PAIR_FAILED,
    ev.Connected: EventName.CONNECTED,
    ev.Disconnected: EventName.DISCONNECTED,
    ev.KeepAliveTimeout: EventName.KEEP_ALIVE_TIMEOUT,
    ev.KeepAliveRestored: EventName.KEEP_ALIVE_RESTORED,
    ev.StreamReplaced: EventName.STREAM_REPLACED,
    ev.LoggedOut: EventName.LOGGED_OUT,
    ev.TemporaryBan: EventName.TEMPORARY_BAN,
    ev.ConnectFailure: EventName.CONNECT_FAILURE,
    ev.ClientOutdated: EventName.CLIENT_OUTDATED,
    ev.StreamError: EventName.STREAM_ERROR,
    ev.NewChatsBarred: EventName.NEW_CHATS_BARRED,
    ev.HistoryCame: EventName.HISTORY_CAME,
    ev.PhoneSeen: EventName.PHONE_SEEN,
    ev.DialFailed: EventName.DIAL_FAILED,
    ev.Authenticated: EventName.AUTHENTICATED,
    ev.StoreFailing: EventName.STORE_FAILING,
    ev.SessionBroken: EventName.SESSION_BROKEN,
    ev.PairingsAhead: EventName.PAIRINGS_AHEAD,
    ev.Dialling: EventName.DIALLING,
    ev.NotStarted: EventName.NOT_STARTED,
    ev.LibraryDeaf: EventName.LIBRARY_DEAF,
    ev.WorkerLost: EventName.WORKER_LOST,
    ev.RegroupAsked: EventName.REGROUP_ASKED,
    ev.WorkerDied: EventName.WORKER_DIED,
    ev.ProbeAnswered: EventName.PROBE_ANSWERED,
    ev.ProbeMissed: EventName.PROBE_MISSED,
    ev.ProbeRefused: EventName.PROBE_REFUSED,
    ev.SendUnanswered: EventName.SEND_UNANSWERED,
    ev.HolderFound: EventName.HOLDER_FOUND,
    ev.TakenOver: EventName.TAKEN_OVER,
    ev.SuspectsFound: EventName.SUSPECTS_FOUND,
    ev.NetworkBack: EventName.NETWORK_BACK,
    ev.DropShared: EventName.DROP_SHARED,
    ev.DeviceFound: EventName.DEVICE_FOUND,
    ev.SessionMissing: EventName.SESSION_MISSING,
    ev.FleetOutdated: EventName.FLEET_OUTDATED,
    ev.VersionAwaited: EventName.VERSION_AWAITED,
    ev.VersionChanged: EventName.VERSION_CHANGED,
    ev.Booted: EventName.BOOTED,
    ev.ClockSet: EventName.CLOCK_SET,
    ev.NotCarriedOut: EventName.NOT_CARRIED_OUT,
    ev.Due: EventName.DUE,
    ev.StartAsked: EventName.START_ASKED,
    ev.StopAsked: EventName.STOP_ASKED,
    ev.ReconnectAsked: EventName.RECONNECT_ASKED,
    ev.CleanAsked: EventName.CLEAN_ASKED,
    ev.PauseAsked: EventName.PAUSE_ASKED,
    ev.SessionRestored: EventName.SESSION_RESTORED,
    ev.NotMoved: EventName.NOT_MOVED,
    ev.EditAsked: EventName.EDIT_ASKED,
    ev.ExportAsked: EventName.EXPORT_ASKED,
}
