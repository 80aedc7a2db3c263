"""What analyzed code asks of swept numbers and of random generators: one answer, and paths for the other ones.

A path is one run of a module call. Where an answer differs between live lengths, or a draw has several outcomes, the
call is run again later for the others; what it did up to there is replayed, so that only Python runs again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from shapecheck.draws import Draw
from shapecheck.journal import Journal
from shapecheck.lengths.swept import Sweep, SweptBool, SweptFloat, SweptInt, Undecidable, compare
from shapecheck.outcomes import Dead, Raised, described
from shapecheck.record import Frame, Pending, last_index
from shapecheck.texts import Texts, is_part_of_message
from shapecheck.truths import MOST_CHOICES, MOST_ON_A_PATH


class Decisions:
    """The module calls in progress, the live lengths, and the answers given on the present path."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.live: SweptBool = sweep.always
        self.journal = Journal()
        self.asking = False  # PyTorch is executing on concrete tensors
        self.drew = False  # whether random draws decided something: then a length may leave a call in several ways
        self.by_data = sweep.never()  # lengths at which a path was chosen that the values of a tensor decide
        self._choices = 0  # of that kind
        self.uniform = False  # whether a uniform number was drawn
        self.seeded = False  # whether the analyzed code seeded a generator
        self._frames: list[Frame] = []
        self._texts = Texts()
        sweep.decide = _weakly(self.decide)
        sweep.text = _weakly(self.text)
        sweep.decide_value = _weakly(self.decide_value)

    def place(self, what: str) -> str:
        """`what`, and where the execution is."""
        return f"{what} in {self._frames[-1].path or 'the module'}" if self._frames else what

    def decide(self, condition: SweptBool) -> bool:
        """One truth value for all live lengths; where they differ, the path goes on with those for which it is true."""
        frame = self._frame_of_decision()
        values = condition.values[self.live.values]
        self.sweep.rest_on(condition, self.live, lambda: self.place("a branch"))
        if not self.sweep.inside:
            frame.answers.append(bool(values.any()))
        if bool(values.all()):
            return True
        if not bool(values.any()):
            return False
        frame.pending.append(Pending(list(frame.events), self.live & ~condition, frame.exact_texts))
        self.live = self.live & condition
        return True

    def decide_value(self, number: SweptInt | SweptFloat) -> Any:
        """One plain value for all live lengths; where they differ, one path for each value."""
        frame = self._frame_of_decision()
        values = number.values[self.live.values]
        first = values[0].item()
        if not self.sweep.inside:
            frame.answers.append(first)
        condition: Any = SweptBool(self.sweep, number.values == first, None)
        if type(number) is SweptInt:
            condition = compare(number, "==", first)
        self.sweep.rest_on(condition, self.live, lambda: self.place("a size used as a plain int"))
        if not bool((values == values[0]).all()):
            frame.pending.append(Pending(list(frame.events), self.live & ~condition, frame.exact_texts))
            self.live = self.live & condition
        return first

    def draw(self, draw: Draw) -> int:
        """The number of one outcome of a random draw; the others get paths of their own, for the same lengths."""
        frame = self._frame_of_decision()
        self.drew = True
        if draw.of_data:
            self._limit_choices(frame, draw)
            self.by_data = self.by_data | self.live

        def first() -> int:
            for number in range(draw.count - 1, 0, -1):
                event: tuple[Any, Any] = (draw, (number, []))
                frame.pending.append(Pending([*frame.events, event], self.live, frame.exact_texts))
            return 0

        return self._once(frame, draw, first)

    def _limit_choices(self, frame: Frame, draw: Draw) -> None:
        """Tries of what data decides have an end: a loop may go on as long as the data want."""
        self._choices += 1
        outcomes = math.prod(earlier.count for earlier, _ in frame.draws if earlier.of_data) * draw.count
        if outcomes > MOST_ON_A_PATH or self._choices > MOST_CHOICES:
            raise Undecidable("the values of tensors decide in too many places which way it goes")

    @property
    def frame(self) -> Frame:
        """The module call in progress."""
        return self._frames[-1]

    def draws(self, index: int) -> list[str]:
        """What random draws gave on the way to where the execution is."""
        return [text for frame in self._frames for text in described(frame.draws, index)] if self.drew else []

    def text(self, number: SweptInt | SweptFloat, form: str) -> str | None:
        """A size as text: exact where it is the same for all live lengths; None outside of analyzed code."""
        if not self._frames or self.asking or self.sweep.inside:
            return None
        frame = self._frame_of_decision()
        values = number.values[self.live.values]
        if frame.exact_texts or bool((values == values[0]).all()) or not is_part_of_message():
            return format(self.decide_value(number), form)
        return self.mark(number, lambda index: format(number.values[index].item(), form))

    def mark(self, number: Any, resolve: Callable[[int], str]) -> str:
        """A marker for a text that differs from length to length, as `number` does."""
        frame = self._frames[-1]
        if frame.exact_texts:
            self.decide_value(number)
            return resolve(last_index(self.live))
        identifier, marker = self._texts.mark(number, resolve)
        frame.texts.add(identifier)
        return marker

    def _frame_of_decision(self) -> Frame:
        if not self._frames and Undecidable.notice is not None:
            raise Undecidable("a size that another analysis left behind is used")
        if not self._frames or self.asking:
            raise RuntimeError("a swept value was asked for a plain one outside of an analysis")
        if not self.live.somewhere:
            raise Dead
        return self._frames[-1]

    def in_doubt(self, doubt: Undecidable) -> None:
        """A doubt came up in analyzed code, which may catch even what is no `Exception`: the path stays in doubt."""
        if self._frames and not self.asking and not self.sweep.inside and self._frames[-1].doubt is None:
            self._frames[-1].doubt = doubt

    def _once(self, frame: Frame, key: Any, compute: Callable[[], Any]) -> Any:
        """`compute()`, or what came of it when this path of the frame was here before."""
        if frame.doubt is not None:
            raise frame.doubt
        position = len(frame.events)
        if position < len(frame.replay):
            event = frame.replay[position]
            if event[0] is not key and event[0] != key and not self.journal.made_alike(event[0], key):
                frame.doubt = Undecidable("the module does not repeat itself when it is run again")
                raise frame.doubt
            frame.events.append(event)
            result, changes = event[1]
            self.journal.redo(changes)
            if isinstance(result, Raised):  # and was caught
                raise self._with_texts(result.error.with_traceback(None))
            return result
        if frame.repeats:
            frame.doubt = Undecidable("the module does not repeat itself when it is run again")
            raise frame.doubt
        if not self.live.somewhere:
            raise Dead
        start = self.journal.position()
        try:
            result = compute()
        except Exception as error:
            frame.events.append((key, (Raised(error), self.journal.since(start))))
            raise
        frame.events.append((key, (result, self.journal.since(start))))
        return result

    def _with_texts(self, error: Exception) -> Exception:
        """An error that a callee raises, as the caller may look at it."""
        frame = self._frames[-1]
        marks = self._texts.marks_in(error)
        if not frame.exact_texts:
            frame.texts |= marks
            return error
        for identifier in marks:
            self.decide_value(self._texts.number(identifier))
        return self._texts.filled(error, last_index(self.live)) if marks else error


def _weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that does not keep its tracer: what holds a size, as a graph does, would keep the whole analysis.

    NumPy's arrays of objects, in which the known values of tensors are, take no part in garbage collection.
    """
    reference = WeakMethod(method)

    def call(*args: Any) -> Any:
        alive = reference()
        if alive is None:
            raise RuntimeError("a swept value was asked for a plain one outside of an analysis")
        return alive(*args)

    return call
