"""What `explain` answers with."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace

__all__ = ["CAUSES", "Explanation"]

CAUSES = {
    "fine": "nothing is wrong",
    "not asked for": "the tensor does not require a gradient",
    "not connected": "the loss does not depend on the tensor",
    "not a leaf": "only leaves collect .grad",
    "backward not called": "no backward pass has come by",
    "graph freed": "an earlier backward pass has freed the graph",
    "needs the loss": "a tensor does not know what was computed from it",
    "old gradient": ".grad was left by an earlier backward pass",
    "dead relu": "a ReLU is silent",
    "saturated": "an operation is so far out on its flat side that its slope is 0",
    "masked": "other entries were chosen",
    "multiplied by zero": "the other factor is 0",
    "flat": "the slope of an operation is 0 at this point",
    "cancelled": "contributions add up to 0",
    "nan": "a number is not a number",
    "inf": "a number is too large",
}
"""Every `cause` there is, in a few words."""


@dataclass(frozen=True)
class Explanation:
    """Why a gradient is as it is. Prints as cause, place and mend.

    Attributes:
        cause: a short key, one of `CAUSES`.
        what: what happened, in a sentence or two.
        operation: the function where it began (`np.log`, `relu`); None where no operation is to blame.
        place: that operation as a line of the program, with shapes, and which entries.
        mend: what to do, with the line that works.
        also: further causes, for other entries or on other paths.
    """

    cause: str
    what: str
    operation: str | None = None
    place: str = ""
    mend: str = ""
    also: tuple[Explanation, ...] = ()

    def __str__(self) -> str:
        # The mend's code stands below its sentence, so that it can be copied.
        parts = [("cause", f"{self.cause}: {self.what}"), ("place", self.place), ("mend", self.mend)]
        text = "\n".join(_paragraph(f"{head:<7}", body) for head, body in parts if body)
        return "\n\n".join([text, *(str(other) for other in self.also)])

    __repr__ = __str__

    def with_also(self, others: tuple[Explanation, ...]) -> Explanation:
        """The same with further causes."""
        return replace(self, also=others)


def _paragraph(head: str, body: str) -> str:
    """Wrapped and hanging; lines of code, which begin with spaces, stay as they are."""
    blank = " " * len(head)
    lines = [
        piece
        for line in body.split("\n")
        for piece in ([line] if line.startswith(" ") else textwrap.wrap(line, 80 - len(head), break_on_hyphens=False))
    ]
    return "\n".join((head if i == 0 else blank) + line for i, line in enumerate(lines))
