"""What lives as long as the server is set apart from the garbage collector.

Libraries, models and compiled kernels are 200,000 objects that never become garbage. A full collection looks at each of
them with the interpreter's lock held: 70 to 100 ms in which no frame is answered and no page drawn. Streamlit asks for one
after each run of a page's script; ``.streamlit/config.toml`` turns that off, since Python collects by itself.
"""

from __future__ import annotations

import atexit
import gc

# At the end everything is to be freed: libraries that find objects of theirs left over complain of it on the terminal.
atexit.register(gc.unfreeze)


def settle() -> None:
    """Collect what is garbage now, and leave all that remains out of every collection to come.

    Called again when the application was made anew, it finds what became garbage since.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.collect()  # of nothing: Python waits with the next full one until a quarter of what the last one left is new
