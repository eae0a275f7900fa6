"""Why is this gradient None, zero, or NaN? Asked of the graph, answered with cause, place and mend.

`question.py` asks in order: is there a gradient at all, is it finite, is it zero? `nonfinite.py` and `zero.py` follow
the graph to the operation where it began; `explanation.py` is what they answer with.
"""

from tinygrad_edu.explain.explanation import Explanation
from tinygrad_edu.explain.question import explain

__all__ = ["Explanation", "explain"]
