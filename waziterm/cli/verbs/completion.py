"""The verb completion: the verbs and options at the tab key of a shell."""

from typing import assert_never

from waziterm.cli.app import app
from waziterm.cli.app.options import Shell
from waziterm.cli.show import output
from waziterm.domain.errors import FleetError
from waziterm.domain.text import plain


def complete(shell: Shell | None, install: bool) -> int:
    """Print the completion script of a shell, or write it to where the shell looks for it.

    shell: None for the one that called. Raises FleetError: code 2 when that one is not known, 1
    when nothing can be written.
    """
    chosen = _calling_shell() if shell is None else shell
    if not install:
        output.line(app.generate_completion(shell=chosen.value).rstrip("\n"))
        return 0
    try:
        path = app.install_completion(shell=chosen.value)
    except OSError as error:
        raise FleetError(
            f"the completion cannot be written: {error.filename}: {error.strerror}",
            f"`waziterm completion {chosen}` prints it",
        ) from error
    output.line(plain(f"the completion for {chosen} is in {path}; {_what_loads_it(chosen)}", 500))
    return 0


def _calling_shell() -> Shell:
    from cyclopts.completion.detect import ShellDetectionError, detect_shell  # noqa: PLC0415 - only here

    try:
        return Shell(detect_shell())
    except (ShellDetectionError, ValueError):
        raise FleetError(
            "which shell this is cannot be told", "name it: bash, zsh or fish", code=2
        ) from None


def _what_loads_it(shell: Shell) -> str:
    match shell:
        case Shell.BASH:
            return "~/.bashrc loads it in each new shell"
        case Shell.ZSH:
            return "compinit finds it in each new shell"
        case Shell.FISH:
            return "fish finds it by itself"
        case _:
            assert_never(shell)
