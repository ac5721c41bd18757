"""For a process that lives a second: collecting garbage costs it a tenth of that, most of it at its end."""

import atexit
import gc


def keep_garbage() -> None:
    """To be called before the rest is imported."""
    gc.disable()
    atexit.register(gc.freeze)  # what is frozen, the interpreter does not collect on its way out either
