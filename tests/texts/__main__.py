"""Bring every catalog, and the glossary of README, up to date with the sources."""

import io
import sys

from babel.messages.catalog import Message
from babel.messages.pofile import read_po, write_po

from tests.texts import glossary
from tests.texts.collect import LOCALES, template


def main() -> None:
    """Rewrite them, and say what waits for a translation."""
    glossary.write()
    for path in LOCALES.glob("*/LC_MESSAGES/*.po"):
        before = path.read_text(encoding="utf-8")
        catalog = read_po(io.StringIO(before), locale=path.parts[-3])
        # A guess that looks like a translation is worse than none.
        catalog.update(template(), no_fuzzy_matching=True)
        body = io.BytesIO()
        write_po(
            body, catalog, width=100, omit_header=True, include_lineno=False, ignore_obsolete=True
        )
        head = before.partition("\n\n")[0]
        path.write_text(f"{head}\n\n{body.getvalue().decode()}", encoding="utf-8")
        for message in catalog:
            if message.id and not is_translated(message):
                sys.stdout.write(f"{path.relative_to(LOCALES)}: {message.id}\n")


def is_translated(message: Message) -> bool:
    """Whether every form of a text has a translation."""
    forms = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    return all(forms)


if __name__ == "__main__":
    main()
