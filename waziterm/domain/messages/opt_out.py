"""How somebody asks to be sent no more."""


def opt_out_word(text: str) -> str:
    """A text as it is compared with the words by which somebody asks to be sent no more."""
    return text.strip().removesuffix(".").strip().casefold()
