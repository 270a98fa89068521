"""What the keys can call: of the app, of the fleet's screen, and of the screen of one instance."""

from typing import Protocol

from waziterm.domain.frozen import dataclass
from waziterm.tui.state.here import Here, Move, View


class InstanceKeys(Protocol):
    """What keys do to instances. name: the instance; those that a key is meant for, if left out."""

    def start_stop(self, name: str | None = None) -> None:
        """Start one that stands still, stop any other; of several, ask which of the two."""

    def reconnect(self, name: str | None = None) -> None:
        """Connect now; ask before it is more than one."""

    def send_test(self, name: str | None = None) -> None:
        """Have each send a short text to its own number; ask before it is more than one."""

    def write_message(self, name: str | None = None) -> None:
        """Ask to whom it is to send what; it is one message of one instance."""

    def clean(self, name: str | None = None) -> None:
        """Ask, and move the sessions to the trash."""

    def edit(self, name: str | None = None) -> None:
        """Ask what is to be set of it; of several, what is to be set of each."""

    def remove(self, name: str | None = None) -> None:
        """Ask, and take them off the list."""

    def show_log(self, name: str | None = None) -> None:
        """Show the log on the whole screen, or the instance again."""

    def focus_instance(self, name: str | None = None) -> None:
        """Show it in full."""

    def add(self) -> None:
        """Ask for a new instance."""


class ToolKeys(Protocol):
    """The emergency tools, and what is done about incidents."""

    def check(self) -> None:
        """Show what is wrong, and offer to mend it."""

    def fix(self) -> None:
        """Show the dry run; carry it out when the operator says so."""

    def restart(self) -> None:
        """Ask, and restart the fleet."""

    def full_test(self) -> None:
        """Test the instance that is shown in full, or all that are wanted to run; ask whether each
        that is connected is to send a message."""

    def janitor(self) -> None:
        """Show what the janitor would do; let it go round when the operator says so."""

    def undo(self) -> None:
        """Ask, and take back what was set or came into the trash last, or restore the entry that
        is selected there."""

    def clean_all(self) -> None:
        """Ask for the number of sessions, and move them all to the trash."""

    def import_sessions(self) -> None:
        """Ask where sessions of another program lie, show what can be brought in, and do it."""

    def show_numbers(self) -> None:
        """Show the whole numbers of all for a minute, or mask them again."""

    def trash(self) -> None:
        """Show what lies in the trash."""

    def audit(self) -> None:
        """Show who did what."""

    def messages(self) -> None:
        """Show the messages out."""

    def read_message(self) -> bool:
        """Show what the selected message says, where messages are shown; whether they are."""

    def cancel_messages(self) -> None:
        """Ask, and take back the messages that are meant."""

    def resend_messages(self) -> None:
        """Ask, and send again the messages that are meant."""

    def close_messages(self) -> None:
        """Ask, and leave the messages that are meant as they are."""

    def acknowledge(self) -> None:
        """Acknowledge the marked incidents, else the selected one, and go on to the next."""

    def note(self) -> None:
        """Ask for a note on the incidents that are meant; elsewhere for one for whoever looks next,
        and where there are some, whether they are dealt with."""


class ScreenKeys(Protocol):
    """Which screen is shown, and whether one is."""

    def view(self, view: View) -> None:
        """Show the fleet in another way."""

    def fleet_log(self) -> None:
        """Show the log of the whole fleet, or what was shown before."""

    def show_help(self) -> None:
        """Show all keys."""

    def show_glossary(self) -> None:
        """Show the words of the field."""

    def show_said(self) -> None:
        """Show what was said lately."""

    def command_palette(self) -> None:
        """Search for an action or an instance."""

    def suspend(self) -> None:
        """Back to the shell until `fg`, where nothing but this screen stops meanwhile."""

    def leave(self) -> None:
        """Quit; when sessions are live and would stop, say so first."""


@dataclass(frozen=True, slots=True)
class Commands:
    """All that the keys of the app can call."""

    instances: InstanceKeys
    tools: ToolKeys
    screens: ScreenKeys


class OnFleet(Protocol):
    """The fleet's screen."""

    def here(self) -> Here:
        """What a key would meet."""

    def move(self, to: Move) -> None:
        """Select another instance."""

    def filter(self) -> None:
        """Type what to look for; what fits is shown while it is typed."""

    def only_troubled(self) -> None:
        """Show only those in trouble, or all."""

    def sort(self) -> None:
        """Sort by the next column."""

    def reverse(self) -> None:
        """Turn the order round."""

    def choose_columns(self) -> None:
        """Ask which columns the list has."""

    def density(self) -> None:
        """Show those that need nobody as rows on the wall, or as cards."""

    def mark(self) -> None:
        """Mark the selected instance, or take its mark away, and go on to the next."""

    def mark_all(self) -> None:
        """Mark all that are shown; where they are marked already, none of them."""

    def mark_range(self) -> None:
        """Mark all from the selected one to wherever the selection moves, until it is called
        again."""

    def mark_others(self) -> None:
        """Of those that are shown, mark those that are not marked, and no others."""

    def back(self) -> None:
        """First out of the field, then the marks, the filter, and the other views."""


class OnLog(Protocol):
    """A screen that shows a log."""

    def here(self) -> Here:
        """What a key would meet."""

    def back(self) -> None:
        """Back from a search, a code or a log, then to what was shown before."""

    def follow(self) -> None:
        """Follow the log, or stay."""

    def wrap(self) -> None:
        """Long log lines on several rows, or cut."""

    def copy(self) -> None:
        """Copy the code that is shown, else a log line."""

    def scroll_log(self, to: Move) -> None:
        """Scroll the log."""

    def search(self) -> None:
        """Type what to look for in the log."""

    def find(self, step: int) -> None:
        """Go to the next line that has it. step: -1 upwards, to older ones; 1 downwards."""

    def show_whose(self) -> None:
        """Show the instance that a line belongs to."""


class OnInstance(OnLog, Protocol):
    """The screen of one instance."""

    def switch_pane(self) -> None:
        """Scroll what is known of it, or its log again."""

    def switch_qr(self) -> None:
        """Draw the QR code in the other way."""

    def pairing_code(self) -> None:
        """Show a code to type on the phone, or the QR code again."""

    def make_link(self) -> None:
        """Ask, and show a link by which somebody far away sees its QR codes."""

    def save_qr(self) -> None:
        """Write the QR code as a picture, which goes when the code or the program ends."""

    def neighbour(self, step: int) -> None:
        """Show another instance. step: so many after this one."""
