"""How the screen looks and speaks, changed while it runs, and what it said."""

import os
from dataclasses import replace

from textual.events import Resize

from waziterm.domain.screen import Lang, Theme
from waziterm.lang import N_, speak, spoken, tr, translations
from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.app.newest_message import NewestMessage
from waziterm.tui.paint.finish import Finish, HasFinish
from waziterm.tui.state.messages import Mood

THEMES = {
    Theme.DARK: N_("dark"),
    Theme.DARK_BLUE: N_("dark, blue"),
    Theme.DARK_WARM: N_("dark, warm"),
    Theme.LIGHT: N_("light"),
    Theme.HIGH_CONTRAST: N_("high contrast"),
}
LANGS = {Lang.EN: "English", Lang.ID: "Bahasa Indonesia"}
"""Each in its own words; `auto` is one of them."""


class LookCommands:
    """What the palette offers beside the keys. message: what says something, and has said."""

    def __init__(self, app: ContainedApp, message: NewestMessage) -> None:
        self._app = app
        self._message = message

    @property
    def theme(self) -> Theme:
        """The colours that are shown."""
        return self._app.finish.theme if isinstance(self._app, HasFinish) else Finish().theme

    def show_theme(self, theme: Theme) -> None:
        """Show these colours until the screen is left."""
        if isinstance(self._app, HasFinish):
            replace(self._app.finish, theme=theme).put_on(self._app)
            self._paint_all()

    def keep_theme(self, theme: Theme) -> None:
        """Show these colours, and say how they are kept."""
        self.show_theme(theme)
        setting = f'[screen] theme = "{theme.value}"'
        said = tr("the theme lasts until you leave; {setting} keeps it", setting=setting)
        self._message.tell(Mood.DONE, said)

    def choose_theme(self) -> None:
        """Ask for a theme; each is seen while it is selected."""
        from waziterm.tui.screens.choosing import PreviewDialog  # noqa: PLC0415 (keeps the start fast)

        def answered(value: str | None) -> None:
            if value is not None:
                self.keep_theme(Theme(value))

        words = {theme.value: tr(word) for theme, word in THEMES.items()}
        dialog = PreviewDialog(
            tr("Theme"), words, self.theme.value, lambda value: self.show_theme(Theme(value))
        )
        self._app.push_screen(dialog, answered)

    @property
    def lang(self) -> Lang:
        """The language that is spoken."""
        return spoken()

    def speak(self, lang: Lang) -> None:
        """Speak this language until the screen is left."""
        try:
            speak(translations(lang, os.environ))
        except FileNotFoundError:
            said = tr("the texts of {lang} are not installed; install waziterm again", lang=lang)
            self._message.tell(Mood.TROUBLE, said)
            return
        self._paint_all()
        setting = f'[screen] lang = "{lang.value}"'
        said = tr("the language lasts until you leave; {setting} keeps it", setting=setting)
        self._message.tell(Mood.DONE, said)

    def _paint_all(self) -> None:
        """Paint everything anew, as after another size: nothing that was drawn is right."""
        for screen in self._app.screen_stack:
            for widget in screen.query("*"):
                widget.post_message(Resize(widget.size, widget.virtual_size, widget.container_size))
                widget.refresh()
