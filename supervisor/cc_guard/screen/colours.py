"""Foreground colours, as far as they tell an error from ordinary text in every theme."""

from cc_guard.screen.model import Colour

_CHROMA = 60  # of 255; greys and whites of all themes are below 20, their error colours above 100


def is_chromatic(colour: Colour) -> bool:
    """Whether a foreground is a colour rather than the default, black, white or a grey."""
    if colour is None:
        return False
    space, value = colour
    if space == "rgb":
        return bool(max(value) - min(value) >= _CHROMA)
    index = int(value)
    if index < 16:
        return index % 8 not in (0, 7)
    if index >= 232:
        return False
    levels = ((index - 16) // 36, (index - 16) // 6 % 6, (index - 16) % 6)  # the 6x6x6 cube of xterm
    return max(levels) - min(levels) >= 2


def is_warm(colour: Colour) -> bool:
    """Red to yellow: what every theme draws errors and warnings in. Code and questions are blue or violet."""
    if colour is None:
        return False
    space, value = colour
    if space == "palette":
        index = int(value)
        if index < 16:
            return index in (1, 3, 9, 11)
        if index >= 232:
            return False
        value = ((index - 16) // 36 * 51, (index - 16) // 6 % 6 * 51, (index - 16) % 6 * 51)
    red, green, blue = value
    return bool(red >= green and red - blue >= _CHROMA)


def is_ansi(colour: Colour) -> bool:
    """One of the sixteen colours that a terminal names."""
    return colour is not None and colour[0] == "palette" and int(colour[1]) < 16
