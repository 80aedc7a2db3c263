"""Swept execution: runs an unmodified module once for all lengths.

Where a decision differs between live lengths, execution goes on with one side, and the innermost module call is run
again for the other; at its end the paths are joined, so paths add up and do not multiply. Invariant: every length that
enters a module call leaves it in exactly one way: with an output, with an error, or undecided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import jit, nn

from shapecheck import catching
from shapecheck.decisions import Decisions
from shapecheck.draws import Chance, Draw, DrawnTensors
from shapecheck.join import Joiner
from shapecheck.journal import States
from shapecheck.lengths.swept import Sweep, SweptBool, Undecidable
from shapecheck.modules import WholeCall, is_layer, may_skip_hooks
from shapecheck.operations import Operations
from shapecheck.outcomes import After, Alternative, Bypass, Dead, Outcomes, Path, Raised, alternatives, described
from shapecheck.record import ORIGIN, Doubt, Frame, Pending, Record, Refusal, last_index, operation_name
from shapecheck.rules import LEAF_RULES, Call
from shapecheck.tensor import SweptTensor, made_so_far
from shapecheck.texts import is_explicit
from shapecheck.trees import leaves
from shapecheck.truths import truth_of_data

# in the message of an error: C code looked at the type of what stands for a size, or wrote into an array of lengths
_OWN_NAMES = (
    "SweptInt",
    "SweptFloat",
    "SweptBool",
    "SweptSize",
    "SweptTensor",
    "_IntLike",
    "_FloatLike",
    "is read-only",
    "numpy.object_",
    "only int indices permitted",
)
MAX_PATHS = 2_048  # runs of one module call, past which the lengths that are left are undecided
MAX_LONG_PATHS = 512  # and past which they are if something was drawn, or the runs did so many operations
MAX_OPERATIONS = 50_000


class Tracer(Decisions):
    """Runs one analysis; see `run`."""

    def __init__(
        self, sweep: Sweep, *, rules: bool = True, executions: int = 2_000_000, accepting: bool = False
    ) -> None:
        super().__init__(sweep)
        self.record = Record()
        self.drawn_tensors = DrawnTensors(self)
        self._operations = Operations(self, rules=rules, executions=executions, accepting=accepting)

    # the whole analysis -----------------------------------------------------------------------------------------

    def run(self, module: nn.Module, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcomes:
        """All outcomes of the call as (lengths, output) pairs; the record has the lengths that fail or are in doubt."""
        self.record.begin(module, (args, kwargs), self.live)
        function: Callable[..., Any] = module.__call__ if method == "forward" else getattr(module, method)
        frame = self.record.frame(None, None if method == "forward" else module, is_leaf=False)
        results: Outcomes = []
        self.journal.enter_all(module)
        self._operations.has_blank = any(leaf.is_meta for leaf in (*module.parameters(), *module.buffers()))
        try:
            ways = self._run_frame(frame, lambda: function(*args, **kwargs), (args, kwargs))
        finally:
            self.sweep.over = True
        for way in ways:
            for lengths, output in way.outcomes:
                if isinstance(output, Raised):
                    self._refuse(frame, lengths, output.error, way.drawn(last_index(lengths)))
                else:
                    results.append((lengths, output))
        self.record.end([output for _, output in results])
        return results

    # operations -------------------------------------------------------------------------------------------------

    def dispatch(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One torch function: from the frame's replay, from a rule, or from PyTorch itself."""
        if self.asking or not self._frames:
            return function(*args, **kwargs)
        frame = self._frames[-1]
        if self.uniform and any(type(leaf) is Chance for leaf in leaves((args, kwargs))):
            raise Undecidable(f"{operation_name(function)} of a random number")
        drawn = self.drawn_tensors.value(function, args, kwargs)
        if drawn is not None:
            return drawn
        choice = truth_of_data(function, args, frame.path or "the module")
        if choice is not None:
            return (True, False)[self.draw(choice)]
        outside, self.sweep.inside = self.sweep.inside, 1
        try:
            result = self._once(
                frame,
                function,
                lambda: self._operate(frame, function, lambda: self._operations.run(frame, function, args, kwargs)),
            )
            if function is torch.randint:
                self.drawn_tensors.made(result, args, kwargs)
            return result
        finally:
            self.sweep.inside = outside

    def bypass(self, function: Any) -> BaseException:
        """Called where a swept tensor reached torch's dispatcher: the module call is then executed by PyTorch."""
        if self._frames:
            self._frames[-1].bypassed = str(function)
        return Bypass(str(function))

    def _operate(self, frame: Frame, function: Any, operate: Callable[[], Any]) -> Any:
        """`operate()`; what the analyzer itself raises is a doubt."""
        try:
            return operate()
        except Undecidable as doubt:
            frame.doubt = doubt
            raise
        except Exception as error:
            if hasattr(error, ORIGIN) and not self.sweep.poked:  # what eager raises here
                raise
            what = f"{operation_name(function)}: {type(error).__name__}: {error}"
            frame.doubt = Undecidable(f"the analyzer itself failed at {what}")
            raise frame.doubt from error

    # module calls -----------------------------------------------------------------------------------------------

    def call_module(self, module: nn.Module, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `module(*args, **kwargs)` does during an analysis."""
        if self.asking or not self._frames:
            return original(module, *args, **kwargs)
        parent = self._frames[-1]
        outside, self.sweep.inside = self.sweep.inside, 1
        try:
            given = self.journal.given(args, kwargs)
            ways, before = self._once(
                parent, module, lambda: (self._call(parent, module, original, args, kwargs), given)
            )
            output = self._choose(self._way_taken(parent, ways))
            if not self.journal.hand_over(before, given):
                parent.doubt = Undecidable("the module does not repeat itself when it is run again")
                raise parent.doubt
            if isinstance(output, Raised):
                raise self._with_texts(output.error)
            return output
        finally:
            self.sweep.inside = outside

    def _way_taken(self, parent: Frame, ways: list[Alternative]) -> Outcomes:
        """One of the ways in which random draws let the call end, on this path of the caller."""
        if not ways:
            return []
        number = 0
        if len(ways) > 1:
            what = f"how call {len(parent.events)} of {parent.path or 'the module'} ends"
            of_data = any(draw.of_data for way in ways for _, drawn in way.draws for draw, _ in drawn)
            number = self.draw(Draw(what, len(ways), lambda number, index: tuple(ways[number].drawn(index)), of_data))
        return ways[number].outcomes

    def _call(self, parent: Frame, module: nn.Module, original: Any, args: Any, kwargs: Any) -> list[Alternative]:
        is_leaf = parent.is_leaf or is_layer(module)
        frame = self.record.frame(parent, module, is_leaf=is_leaf)
        if parent.is_leaf:
            frame.node = parent.node
        elif is_leaf:
            frame.node = self.record.node(frame, "call_module", frame.path, (args, kwargs), self.live)
        ways = self._run_frame(frame, self._manner(frame, module, original, args, kwargs), (args, kwargs))
        if is_leaf and not parent.is_leaf and frame.node is not None:
            outputs = [output for way in ways for _, output in way.outcomes]
            outputs = [output.output if isinstance(output, After) else output for output in outputs]
            good = [output for output in outputs if not isinstance(output, Raised)]
            self.record.finish(frame.node, good[0] if good else None)
        return ways

    def _manner(self, frame: Frame, module: nn.Module, original: Any, args: Any, kwargs: Any) -> Callable[[], Any]:
        """How a module call is run: through a rule for the whole layer, or as it is."""
        if isinstance(module, jit.ScriptModule):
            frame.bypassed = type(module).__name__
        rule = LEAF_RULES.get(getattr(type(module), "forward", None)) if frame.is_leaf else None
        if rule is not None and "forward" not in vars(module):
            return lambda: self._with_rule(frame, module, original, rule, args, kwargs)
        if frame.is_leaf and may_skip_hooks(module):
            return lambda: module.forward(*args, **kwargs)
        return lambda: original(module, *args, **kwargs)

    def _with_rule(self, frame: Frame, module: nn.Module, original: Any, rule: Any, args: Any, kwargs: Any) -> Any:
        """A module call, hooks and all, whose forward is a rule."""
        run = WholeCall(self.journal, module)

        def of_this_layer(call: Call, *given: Any, **named: Any) -> Any:
            return rule(call, module, *given, **named)

        def forward(*given: Any, **named: Any) -> Any:
            inside, self.sweep.inside = self.sweep.inside, 1
            del vars(module)["forward"]  # PyTorch, if asked, gets the layer as it is
            try:
                return self._operate(
                    frame, run, lambda: self._operations.apply(frame, run, given, named, of_this_layer)
                )
            finally:
                vars(module)["forward"] = forward
                self.sweep.inside = inside

        vars(module)["forward"] = forward
        try:
            return original(module, *args, **kwargs)
        finally:
            del vars(module)["forward"]

    def _choose(self, outcomes: Outcomes) -> Any:
        """One outcome for the path; the caller is run again for the others."""
        if len(outcomes) == 1 and outcomes[0][0] is self.live and self.live.somewhere:
            return self._after(outcomes[0][1])  # the usual case: nothing to decide
        lengths = self.sweep.never()
        for mask, _ in outcomes:
            lengths = lengths | mask
        self.live = self.live & lengths
        while outcomes:
            (mask, output), *outcomes = outcomes
            if not bool((mask.values & self.live.values).any()):
                continue
            if self.decide(mask):
                return self._after(output)
        raise Dead

    def _after(self, output: Any) -> Any:
        """An outcome, its own changes of the module's state done."""
        if isinstance(output, After):
            self.journal.redo(output.changes)
            return output.output
        return output

    def _run_frame(self, frame: Frame, call: Callable[[], Any], arguments: tuple[Any, Any]) -> list[Alternative]:
        """Run all paths of one call; their outputs joined, one pair for each form that outputs come in.

        More than one alternative comes of random draws only.
        """
        entry = self.live
        frame.began = made_so_far()
        start = self.journal.enter(frame.module, arguments, hooks_only=frame.is_leaf)
        recorded = len(self.record.refusals), len(self.record.doubts)
        ended: list[Path] = []
        frame.pending.append(Pending([], entry, False))
        self._frames.append(frame)
        runs = operations = 0
        try:
            while frame.pending and frame.bypassed is None:
                path = frame.pending.pop()
                frame.replay, self.live, frame.exact_texts = path.replay, path.lengths, path.exact_texts
                before = len(frame.pending), len(self.record.refusals), len(self.record.doubts)
                runs += 1
                is_long = self.drew or operations > MAX_OPERATIONS
                if runs > (MAX_LONG_PATHS if is_long else MAX_PATHS):
                    for other in frame.pending:
                        self.live = self.live | other.lengths
                    self._doubt(frame, f"more than {runs - 1} different runs of one module call")
                    frame.pending.clear()
                    break
                if runs > 1:
                    obstacle = self.journal.obstacle(start)
                    if obstacle is not None:
                        self._doubt(frame, f"the call cannot be run again: it holds {obstacle}")
                        continue
                    self.journal.roll_back(start)
                output = self._run_path(frame, call)
                operations += len(frame.events) - len(path.replay)
                if frame.texts and frame.doubt is None and not self._only_in_message(frame, output):
                    del frame.pending[before[0] :]
                    del self.record.refusals[before[1] :], self.record.doubts[before[2] :]
                    frame.pending.append(replace(path, exact_texts=True))
                    continue
                if frame.bypassed is not None or not self.live.somewhere:
                    continue
                if frame.doubt is not None:
                    self._doubt(frame, frame.doubt.reason)
                elif output is not Dead:
                    several = runs > 1 or bool(frame.pending)
                    states = self.journal.states_since(start) if several and not frame.outermost else {}
                    ended.append(self._path(frame, output, states))
            if runs > 1 and ended and not self._repeats_itself(frame, start, call, ended[0]):
                self.live, ended = entry, []
                del self.record.refusals[recorded[0] :], self.record.doubts[recorded[1] :]
                self._doubt(frame, "the module does not repeat itself when it is run again")
        finally:
            self._frames.pop()
        self.live = entry
        if frame.bypassed is not None:
            self.journal.roll_back(start)
            del self.record.refusals[recorded[0] :], self.record.doubts[recorded[1] :]
            if frame.draws or any(path.draws for path in ended):
                self._doubt(frame, f"{frame.bypassed} goes around __torch_function__ past a random draw")
                return []
            return [Alternative(self._execute(frame, *arguments), [])]
        try:
            return self._settle(frame, start if runs > 1 else None, ended)
        except Undecidable as doubt:
            self._doubt(frame, doubt.reason)
            return []

    def _repeats_itself(self, frame: Frame, start: int, call: Callable[[], Any], first: Path) -> bool:
        """Whether a path comes to the same again after others: a net under state that nobody knew of."""
        if frame.bypassed is not None or self.journal.obstacle(start) is not None:
            return True
        if frame.is_leaf and may_skip_hooks(frame.module):
            return True  # PyTorch's own code
        self.journal.roll_back(start)
        recorded = len(self.record.refusals), len(self.record.doubts)
        frame.replay, self.live, frame.exact_texts, frame.repeats = first.events, first.lengths, first.exact_texts, True
        now = self._path(frame, self._run_path(frame, call), {})
        same = frame.doubt is None and not frame.pending and now.is_like(first, read=not frame.outermost)
        return same and recorded == (len(self.record.refusals), len(self.record.doubts))

    def _path(self, frame: Frame, value: Any, states: States) -> Path:
        """The run that has just come to its end."""
        return Path(frame.events, frame.answers, frame.draws, self.live, frame.exact_texts, value, states)

    def _run_path(self, frame: Frame, call: Callable[[], Any]) -> Any:
        """One run of the module's own code: its output, or Raised; the class Dead where no length is left."""
        frame.events, frame.answers, frame.doubt, frame.texts = [], [], None, set()
        self.sweep.inside = 0
        try:
            return call()
        except Dead:
            return Dead
        except Undecidable as doubt:
            frame.doubt = doubt
        except Bypass as bypass:
            frame.bypassed = frame.bypassed or str(bypass)
        except RecursionError:
            frame.doubt = Undecidable("the recursion limit of Python was reached")
        except Exception as error:  # noqa: BLE001  # what analyzed code raises is an outcome, whatever it is
            if self.sweep.poked:
                self.sweep.poked = False
                frame.doubt = Undecidable("a size is passed to a function of torch that cannot be followed")
            elif any(name in str(error) for name in _OWN_NAMES):
                frame.doubt = Undecidable(f"code outside of Python took a size for something else: {error}")
            return Raised(error)
        finally:
            self.sweep.inside = 1
        return Dead

    def _only_in_message(self, frame: Frame, output: Any) -> bool:
        """Whether all texts made from sizes on this path went into the message of an exception that code raised."""
        if not isinstance(output, Raised) or isinstance(output.error, (LookupError, AttributeError, ImportError)):
            return False  # the last three could come of the text itself, as a name
        return frame.texts <= self._texts.marks_in(output.error) and is_explicit(output.error)

    def _settle(self, frame: Frame, start: int | None, ended: list[Path]) -> list[Alternative]:
        """The outcomes of all paths as few as they can be; errors that no code could catch are recorded here."""

        def join_node(outputs: list[SweptTensor], result: SweptTensor) -> None:
            self.record.joined(frame, outputs, result, self.live)

        joiner = Joiner(self.sweep, join_node, frame.began)
        raised = [path for path in ended if isinstance(path.value, Raised)]
        may_catch = not raised or catching.may_catch()
        left = ended
        if not may_catch:  # what a path that nobody goes on from did to the module does not matter
            left = [path for path in ended if not isinstance(path.value, Raised)]
            for path in raised:
                index = last_index(path.lengths)
                self._refuse(frame, path.lengths, path.value.error, described(path.draws, index))
        drew = any(path.draws for path in ended)
        if start is not None and not frame.outermost:  # what the whole analysis does to the state is put back
            states, masks = [path.states for path in left], [path.lengths for path in left]
            written, changes = self.journal.reconcile(start, states, masks, joiner, drew=drew)
            for tensor in written:
                self._operations.write(tensor)
            if changes:
                left = [replace(path, value=After(own, path.value)) for own, path in zip(changes, left, strict=True)]
        if not drew:
            return [Alternative(_joined([(path.lengths, path.value) for path in left], joiner), [])]
        ways = alternatives(left, joiner.agree)
        return [Alternative(_joined(way.outcomes, joiner), way.draws) for way in ways]

    def _execute(self, frame: Frame, args: Any, kwargs: Any) -> Outcomes:
        """The whole module call executed by PyTorch at each live length: for code that goes around torch's dispatch."""
        module, what, entry = frame.module, frame.bypassed, self.live
        if module is None:
            self._doubt(frame, f"{what} goes around __torch_function__ outside of any module")
            return []
        self.record.executed.add(frame.path)
        run = WholeCall(self.journal, module)
        try:
            answer = self._operations.execute(run, args, kwargs, entry, {})
        except Undecidable as doubt:
            self._doubt(frame, f"{what}: {doubt.reason}")
            return []
        if not frame.is_leaf:
            node = self.record.node(frame, "call_function", run, (args, kwargs), entry)
            self.record.finish(node, answer.groups[0].result if answer.groups else None)
        if len(answer.refused):
            hit = self._operations.mask(answer.refused, answer) & entry
            error = self._operations.error_at(run, args, kwargs, hit)
            if error is None:
                self._doubt(frame, f"{what} cannot be executed reliably")
                return []
            text = f"{type(error).__name__}: {error}"
            draws = tuple(self.draws(last_index(hit)))
            self.record.refuse(Refusal(frame.node, frame.path, type(module).__name__, hit, error, text, draws))
        return [(self._operations.mask(group.indices, answer) & entry, group.result) for group in answer.groups]

    def _refuse(self, frame: Frame, lengths: SweptBool, error: Exception, drawn: list[str]) -> None:
        node, operation, layer = getattr(error, ORIGIN, None) or (None, f"raise {type(error).__name__}", frame.path)
        index = last_index(lengths)
        text = self._texts.message(error, index)
        draws = (*self.draws(index), *drawn)
        self.record.refuse(Refusal(node, layer, operation, lengths, error, text, draws))

    def _doubt(self, frame: Frame, reason: str) -> None:
        self.record.doubts.append(Doubt(frame.path, self._operations.current, self.live, reason))


def _joined(outcomes: Outcomes, joiner: Joiner) -> Outcomes:
    """One pair for each form that outputs come in, then the errors."""
    raised = [outcome for outcome in outcomes if isinstance(outcome[1], Raised)]
    good = [outcome for outcome in outcomes if not isinstance(outcome[1], Raised)]
    return [*(joiner.join(good) if len(good) > 1 else good), *raised]


__all__ = ["MAX_PATHS", "Tracer"]
