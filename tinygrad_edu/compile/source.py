"""The program as NumPy source: what a person would have written by hand, and exactly what runs."""

from __future__ import annotations

import operator
import re
from collections import Counter
from typing import Any

import numpy as np

from tinygrad_edu.compile.buffers import takes_out
from tinygrad_edu.compile.literals import array_text, dtype_option, dtype_text, offset, plain_number, state_line
from tinygrad_edu.compile.methods import Draw
from tinygrad_edu.compile.optimize import is_view, ufunc_of
from tinygrad_edu.compile.program import Call, Program, Value
from tinygrad_edu.compile.statements import INFIX, SHORT, Statements, read
from tinygrad_edu.compile.symbol import owner_of

__all__ = ["Source"]

NICER = {"step": "age", "_data": "array"}


class Source(Statements):
    """Prints a program. `function` is the step alone; `text()` all of it, which runs after `import numpy as np`.

    Args:
        program: an optimised program.
        arguments: the names of its arguments.
        nicknames: state → a better name than that of the place where it was found, such as a parameter's.
    """

    def __init__(self, program: Program, arguments: list[str], nicknames: dict[int, str], name: str = "step") -> None:
        super().__init__(program, name)
        for value, argument in zip(program.arguments, arguments):
            self.names[value] = self._unused(argument)
        self.state = self._states(nicknames)
        self._name_outside(nicknames)
        self.taken.update(_functions(program))
        self._name_results()
        self.uses = Counter(value for call in program.calls for value in read(call))
        self.uses.update(program.outputs)
        self.setup = [self._setup_line(value) for value in program.buffers]
        self.setup += self._views(program.setup)
        self.body = self._body()
        outputs = ", ".join(self._ref(value) for value in program.outputs)
        self.body.append(f"    return {outputs}" if outputs else "    return None")
        self.function = "\n".join([f"def {name}({', '.join(self.names[v] for v in program.arguments)}):", *self.body])

    # ---- names -----------------------------------------------------------------------------------------------------
    def _name_outside(self, nicknames: dict[int, str]) -> None:
        """Names for what leaves the step, and for gradients: that of the parameter in the same place of the vector."""
        outputs = self.program.outputs
        if len(outputs) == 1 and outputs[0].scalar:
            outputs[0].name = outputs[0].name or "loss"
        places = {}
        for _, value in self.state:
            owner = owner_of(value.bound) if isinstance(value.bound, np.ndarray) else None
            if owner is not None and id(value.bound) in nicknames and owner is not value.bound:
                places[owner.size, offset(value.bound, owner), value.bound.size] = nicknames[id(value.bound)]
        for whole in self.program.buffers:
            parts = [c for c in self.program.setup if c.args[0] is whole and isinstance(c.args[-1], slice)]
            for part in parts:
                piece = part.results[0]
                name = places.get((whole.sample.size, part.args[1].start, piece.sample.size))
                whole.name = "gradient" if parts else whole.name
                for call in self.program.setup:
                    if name and call.args[0] is piece:
                        call.results[0].name = f"grad_{name}"

    def _name_results(self) -> None:
        homes = self.program.homes
        for call in (*self.program.calls, *self.program.setup):
            for value in call.results:
                if value in self.names:
                    continue
                home = homes.get(value.memory) if takes_out(call) and not is_view(call) else None
                if home is not None and home is not value and value not in self._set_up():
                    continue  # it lies in another one's buffer and goes by that name
                self.names[value] = self._unused(value.name or _wish(call))

    def _set_up(self) -> set[Value]:
        return {value for call in self.program.setup for value in call.results}

    # ---- state -----------------------------------------------------------------------------------------------------
    def _states(self, nicknames: dict[int, str]) -> list[tuple[str, Value]]:
        used: set[Value] = set(self.program.outputs)
        for call in (*self.program.calls, *self.program.setup):
            used.update(call.values())
        found = []
        for value in self.program.states:
            if value in used:
                value.name = nicknames.get(id(value.bound)) or _last_word(value.name)
                self.names[value] = self._unused(value.name)
                self.bound[self.names[value]] = value.bound
                found.append((self.names[value], value))
        return found

    # ---- statements ------------------------------------------------------------------------------------------------
    def _body(self) -> list[str]:
        lines: list[str] = []
        section = ""
        quiet: Any = ()
        for i, call in enumerate(self.program.calls):
            if call.section != section:
                section, quiet = call.section, ()
                lines.append(f"    # {section}")
            if self._inlines(i, call):
                code = self._expression(call)
                self.inlined[call.results[0]] = f"({code})" if call.function in INFIX else code
                continue
            if call.quiet != quiet:
                quiet = call.quiet
                if quiet:
                    lines.append(f"    with np.errstate({', '.join(f'{k}={v!r}' for k, v in quiet)}):")
            code = self._statement(call)
            indent = "        " if quiet else "    "
            comment = self._comment(call)
            lines.append(f"{indent + code:<64}  # {comment}" if comment else indent + code)
        return lines

    def _views(self, calls: list[Call]) -> list[str]:
        """The views that are made once; one that only another one needs is written inside that."""
        times = Counter(value for call in (*calls, *self.program.calls) for value in call.values())
        times.update(call.results[0] for call in self.program.calls if call.results)
        lines = []
        for i, call in enumerate(calls):
            later = calls[i + 1] if i + 1 < len(calls) else None
            if times[call.results[0]] == 1 and later and later.args[0] is call.results[0]:
                self.inlined[call.results[0]] = self._expression(call)
            else:
                lines.append(self._statement(call))
        return lines

    def _comment(self, call: Call) -> str:
        shapes = [str(np.shape(value.sample)) for value in call.results if not value.scalar]
        return "  ".join([*shapes, call.note] if call.note else shapes)

    def _inlines(self, i: int, call: Call) -> bool:
        """Whether it is a number that the very next statement uses, once."""
        if len(call.results) != 1 or not call.results[0].scalar or call.has_effect or call.several or call.quiet:
            return False
        if isinstance(call.function, Draw) or call.results[0] in self.program.outputs:
            return False
        if self.uses[call.results[0]] != 1 or i + 1 == len(self.program.calls):
            return False
        later = self.program.calls[i + 1]
        return (
            call.results[0] in set(read(later)) and later.section == call.section and len(self._expression(call)) < 60
        )

    def _setup_line(self, value: Value) -> str:
        dtype = "" if value.sample.dtype == np.float64 else f", {dtype_text(value.sample.dtype)}"
        if value not in self.names:
            self.names[value] = self._unused(value.name or "buffer")
        shape = value.sample.shape if len(value.sample.shape) != 1 else value.sample.shape[0]
        return f"{self.names[value]} = np.empty({shape}{dtype})"

    # ---- the whole text --------------------------------------------------------------------------------------------
    def parts(self, with_numbers: bool) -> list[str]:
        """The text in paragraphs: functions, state, constants and buffers."""
        state: list[str] = []
        roots: dict[int, str] = {}
        for name, value in self.state:
            state.append(state_line(name, value, roots, with_numbers, self._unused))
        constants = [f"{name} = {array_text(array)}" for name, array in self.constants.items()]
        constants += [
            f"{name} = np.array({plain_number(self.bound[name])}{dtype_option(self.bound[name].dtype)})"
            for name in self.numbers.values()
        ]
        aliases = [f"{name} = {full}" for name, full in self.aliases.items()]
        aliases += [f"{name} = ...  # your own: {function!r}" for name, function in self.foreign.items()]
        paragraphs = {
            "functions": aliases,
            "state, changed in place": state,
            "constants": constants,
            "buffers, and views that stay": self.setup,
        }
        return ["\n".join([f"# {title}", *lines]) for title, lines in paragraphs.items() if lines]

    def text(self, with_numbers: bool = False) -> str:
        """The step as a file."""
        return "\n\n".join(["import numpy as np", *self.parts(with_numbers)]) + "\n\n\n" + self.function + "\n"

    def make(self) -> Any:
        """The function, bound to the live arrays of model and optimizer."""
        lines = [f"{name} = {full}" for name, full in self.aliases.items()] + self.setup
        namespace: dict[str, Any] = {"np": np, **self.bound}
        code = "\n".join([*lines, self.function])
        exec(compile(code, f"<compiled {self.name}>", "exec"), namespace)
        return namespace[self.name]


# ---- small texts -----------------------------------------------------------------------------------------------------
def _wish(call: Call) -> str:
    if call.function is operator.getitem and call.args[0].kind == "state":
        return f"{call.args[0].name}_part"
    word = re.sub(r"\W+", "_", call.note).strip("_")
    if call.section == "backward" and call.note:
        return f"g_{word}"
    return word or getattr(call.function, "name", None) or getattr(call.function, "__name__", "t").strip("_")


def _last_word(path: str) -> str:
    words = [word for word in re.findall(r"[A-Za-z_]\w*", path) if word not in ("_data", "told", "runs", "layers")]
    return NICER.get(words[-1], words[-1]) if words else "state"


def _functions(program: Program) -> list[str]:
    """Words that no result may take, because functions may be called so."""
    names = [getattr(ufunc_of(call) or call.function, "__name__", "") for call in program.calls]
    return [*names, "copyto", *SHORT.values()]
