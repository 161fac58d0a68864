"""What a service takes."""

from typing import NamedTuple


class Limits(NamedTuple):
    """What is too much is refused.

    max_chars (int): Characters of a note.
    max_bytes (int): Bytes of a request, or of a line of a stream.
    max_waiting (int): Notes for a model that are not answered yet.
    timeout (float): Seconds in which a request comes in, and again in which it is answered.
    """

    max_chars: int = 500_000
    max_bytes: int = 8_000_000
    max_waiting: int = 1000
    timeout: float = 30.0
