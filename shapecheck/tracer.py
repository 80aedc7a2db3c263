"""Swept execution: runs an unmodified module once for all lengths, and records what it sees in a torch.fx graph.

Where a decision differs between live lengths, execution goes on with one side, and the innermost module call is run again
for the other; at its end the paths are joined, so paths add up and do not multiply. Invariant: every length that enters a
module call leaves it in exactly one way: with an output, with an error, or undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.fx
from torch import nn

from shapecheck import catching
from shapecheck.ask import Budget, Memo, ask, error_at, leaves, map_tree
from shapecheck.join import join
from shapecheck.journal import Journal
from shapecheck.recipes import Recipes
from shapecheck.lengths.swept import Bool, Sweep, SweptBool, SweptFloat, SweptInt, Undecidable, compare
from shapecheck.rules import ALWAYS, IN_PLACE_FORMS, LEAF_RULES, RANDOM, RULES, STRUCTURAL, Call, NoRule
from shapecheck.rules.indexing import index_in_range
from shapecheck.tensor import SweptTensor, dims_of, make

_OWN_ERROR = "_shapecheck_origin"  # set on an exception that eager raises here: its node, operation and layer, if known

# functions that use integer values as an index: position of the source, and its axis (or "dim": the second argument)
_INDEXED: dict[str, tuple[int, int | str]] = {
    "embedding": (1, 0),
    "index_select": (0, "dim"),
    "gather": (0, "dim"),
    "take": (0, "flat"),
    "take_along_dim": (0, "flat"),
    "scatter": (0, "dim"),
    "scatter_": (0, "dim"),
    "scatter_add": (0, "dim"),
    "scatter_add_": (0, "dim"),
    "index_add": (0, "dim"),
    "index_add_": (0, "dim"),
    "index_copy": (0, "dim"),
    "index_copy_": (0, "dim"),
    "index_fill": (0, "dim"),
    "index_fill_": (0, "dim"),
    "__getitem__": (0, "flat"),
    "__setitem__": (0, "flat"),
    "index_put": (0, "flat"),
    "index_put_": (0, "flat"),
    "one_hot": (0, "flat"),
    "bincount": (0, "flat"),
    "repeat_interleave": (0, "flat"),
    "tensor_split": (0, "flat"),
    "embedding_bag": (1, 0),
    "cross_entropy": (0, "flat"),
    "nll_loss": (0, "flat"),
}

MAX_PATHS = 512  # runs of one module call, past which the lengths that are left are undecided


class Dead(BaseException):
    """No length of this path is live any more. Not an `Exception`: analyzed code must not catch it."""


class Bypass(BaseException):
    """Code that goes around `__torch_function__` reached torch's dispatcher with a swept tensor."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An outcome of a module call: it raises."""

    error: Exception


@dataclass(slots=True)
class Refusal:
    """Lengths that one operation or layer refuses."""

    node: torch.fx.Node | None
    layer: str
    operation: str
    lengths: SweptBool
    error: Exception


@dataclass(slots=True)
class Doubt:
    """Lengths that could not be decided, and where."""

    layer: str
    operation: str
    lengths: SweptBool
    reason: str


@dataclass(slots=True)
class Frame:
    """One module call in progress: its events so far, those to replay, and the paths still to run."""

    module: nn.Module | None
    path: str
    is_leaf: bool
    stack: dict[str, Any]
    call: tuple[tuple[str, int], ...]  # which call of which module this is, from the outermost on
    entry: SweptBool
    events: list[tuple[Any, Any]] = field(default_factory=list[tuple[Any, Any]])
    replay: list[tuple[Any, Any]] = field(default_factory=list[tuple[Any, Any]])
    pending: list[tuple[list[tuple[Any, Any]], SweptBool]] = field(
        default_factory=list[tuple[list[tuple[Any, Any]], SweptBool]]
    )
    node: torch.fx.Node | None = None  # of a leaf layer
    doubt: Undecidable | None = None
    bypassed: str | None = None


class Tracer:
    """Runs one analysis; see `run`."""

    def __init__(self, sweep: Sweep, *, rules: bool = True, executions: int = 2_000_000) -> None:
        self.sweep = sweep
        self.live: SweptBool = sweep.always
        self.graph = torch.fx.Graph()
        self.refusals: list[Refusal] = []
        self.doubts: list[Doubt] = []
        self.journal = Journal()
        self.frames: list[Frame] = []
        self._recipes = Recipes()
        self._joining = ""  # the module call whose paths are being joined
        self._operation = ""  # the operation in progress
        self.asking = False  # PyTorch is executing on concrete tensors
        self._rules: Mapping[Any, Any] = RULES if rules else ALWAYS
        self._memo: Memo = {}
        self._budget = Budget(executions)
        self._names: dict[int, str] = {}
        self._attributes: dict[int, str] = {}
        self._get_attr_nodes: dict[int, tuple[torch.Tensor, torch.fx.Node]] = {}
        self._written: dict[int, tuple[torch.Tensor, SweptTensor]] = {}  # plain tensors that now hold swept data
        sweep.decide = self.decide
        sweep.decide_value = self.decide_value

    # the whole analysis -----------------------------------------------------------------------------------------

    def run(self, module: nn.Module, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """All outcomes of the call as (lengths, output) pairs; `refusals` and `doubts` hold the other lengths."""
        self._names = {id(child): name for name, child in module.named_modules()}
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            self._attributes[id(tensor)] = name
        for position, leaf in enumerate(leaf for leaf in leaves((args, kwargs)) if type(leaf) is SweptTensor):
            leaf._node = self.graph.create_node("placeholder", f"input_{position + 1}")
            leaf._node.meta.update(swept=leaf, live=self.live, layer="", operation="input")
        function = (lambda *a, **k: module(*a, **k)) if method == "forward" else getattr(module, method)
        if method == "forward":
            frame = self._frame(None, "", is_leaf=False)
        else:
            frame = self._frame(module, "", is_leaf=False)
        outcomes = self._run_frame(frame, lambda: function(*args, **kwargs))
        results: list[Any] = []
        for lengths, output in outcomes:
            if isinstance(output, Raised):
                self._refuse(lengths, output.error, frame)
            else:
                results.append((lengths, output))
        self.graph.create_node("output", "output", (self._fx([output for _, output in results]),))
        return results

    # decisions --------------------------------------------------------------------------------------------------

    def decide(self, condition: SweptBool) -> bool:
        """One truth value for all live lengths; where they differ, the path goes on with those for which it is true."""
        frame = self._current()
        values = condition.values[self.live.values]
        self.sweep.rest_on(condition, self.live, self._place("a branch"))
        if bool(values.all()):
            return True
        if not bool(values.any()):
            return False
        frame.pending.append((list(frame.events), self.live & ~condition))
        self.live = self.live & condition
        return True

    def decide_value(self, number: SweptInt | SweptFloat) -> Any:
        """One plain value for all live lengths; where they differ, one path for each value."""
        frame = self._current()
        values = number.values[self.live.values]
        first = values[0].item()
        condition: Any = SweptBool(self.sweep, number.values == first, None)
        if type(number) is SweptInt:
            condition = compare(number, "==", first)
        self.sweep.rest_on(condition, self.live, self._place("a size used as a plain int"))
        if not bool((values == values[0]).all()):
            frame.pending.append((list(frame.events), self.live & ~condition))
            self.live = self.live & condition
        return first

    def _current(self) -> Frame:
        if not self.frames or self.asking:
            raise RuntimeError("a swept value was asked for a plain one outside of an analysis")
        frame = self.frames[-1]
        if not bool(self.live.values.any()):
            raise Dead
        return frame

    # operations -------------------------------------------------------------------------------------------------

    def dispatch(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One torch function: from the frame's replay, from a rule, or from PyTorch itself."""
        if self.asking or not self.frames:
            return function(*args, **kwargs)
        outside, self.sweep.inside = self.sweep.inside, 1
        try:
            return self._dispatch(self.frames[-1], function, args, kwargs)
        finally:
            self.sweep.inside = outside

    def _dispatch(self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if frame.doubt is not None:
            raise frame.doubt
        position = len(frame.events)
        if position < len(frame.replay):
            event = frame.replay[position]
            if event[0] is not function and event[0] != function:
                raise Undecidable("the module does not repeat itself when it is run again")
            frame.events.append(event)
            result, changes = event[1]
            self.journal.redo(changes)
            return result
        if not bool(self.live.values.any()):
            raise Dead
        start = self.journal.position()
        try:
            result = self._operate(frame, function, args, kwargs)
        except Undecidable as doubt:
            frame.doubt = doubt
            raise
        except Exception as error:
            if hasattr(error, _OWN_ERROR) and not self.sweep.poked:  # what eager raises here
                raise
            what = f"{_operation_name(function)}: {type(error).__name__}: {error}"
            frame.doubt = Undecidable(f"the analyzer itself failed at {what}")
            raise frame.doubt from error
        frame.events.append((function, (result, self.journal.since(start))))
        return result

    def bypass(self, function: Any) -> BaseException:
        """Called where a swept tensor reached torch's dispatcher: the module call is then executed by PyTorch."""
        name = str(function)
        if self.frames:
            self.frames[-1].bypassed = name
        return Bypass(name)

    def _operate(self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._operation = _operation_name(function)
        if self._written:
            args, kwargs = map_tree(self._as_written, (args, kwargs))
        structural = STRUCTURAL.get(function)
        if structural is not None:
            result = structural(self, function, args, kwargs)
            if result is not NotImplemented:
                if not args or result is not args[0]:
                    self._recipes.remember(function, args, kwargs, result)
                return result
        if function in RANDOM:
            args, kwargs = map_tree(_without_values, (args, kwargs))
        elif not _has_swept(args) and not (kwargs and _has_swept(kwargs.values())):
            return self._plain(function, args, kwargs)
        form = IN_PLACE_FORMS.get(function)
        if form is not None and type(args[0]) is SweptTensor:
            self.journal.reform(args[0], self._apply(frame, form, args, kwargs, self._rules.get(form)))
            return args[0]
        return self._apply(frame, function, args, kwargs, self._rules.get(function))

    def _apply(
        self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], rule: Any
    ) -> Any:
        """The result of one operation for the lengths that it accepts; the others leave with PyTorch's error."""
        node = frame.node if frame.is_leaf else self._node("call_function", function, args, kwargs)
        operation = _operation_name(function)
        result: Any = NotImplemented
        refused: SweptBool | None = None
        if rule is not None:
            call = Call(self.sweep, self.live, function, args, kwargs)
            try:
                result = rule(call, *args, **kwargs)
                refused = call.refused()
                for tensor in call.written:
                    self.write(tensor)
            except NoRule:
                result = NotImplemented
        if result is NotImplemented:
            result, refused = self._ask(function, args, kwargs, operation)
        if refused is not None:
            hit = refused & self.live
            self.sweep.rest_on(refused, self.live, self._place(operation))
            if bool(hit.values.any()):
                self._drop(hit, function, args, kwargs, node, operation)
        self._recipes.remember(function, args, kwargs, result)
        if not frame.is_leaf and node is not None:
            self._finish(node, result)
        return result

    def _drop(
        self, hit: SweptBool, function: Any, args: Any, kwargs: Any, node: torch.fx.Node | None, operation: str
    ) -> None:
        """Lengths that this operation refuses leave with PyTorch's error; where code could catch it, it is raised."""
        index = int(np.flatnonzero(hit.values)[-1])
        self.asking = True
        try:
            error = error_at(function, args, kwargs, index)
        finally:
            self.asking = False
        if error is None:
            length = self.sweep.first + index
            raise Undecidable(f"the rule for {operation} refuses T = {length}, which PyTorch accepts")
        frame = self.frames[-1]
        if catching.may_catch():
            if self.decide(~hit):
                return
            setattr(error, _OWN_ERROR, (node, operation, frame.path))
            raise error
        self._record(Refusal(node, frame.path, operation, hit, error))
        self.live = self.live & ~hit
        if not bool(self.live.values.any()):
            raise Dead

    def _ask(self, function: Any, args: Any, kwargs: Any, operation: str) -> tuple[Any, SweptBool | None]:
        outside = self._indices_outside(function, args, kwargs)
        asked = self.live if outside is None else self.live & ~outside
        if not bool(asked.values.any()):
            return None, outside
        self.asking = True
        try:
            answer = ask(self.sweep, function, args, kwargs, asked, self._memo, self._budget)
        finally:
            self.asking = False
        if answer.varied:
            self._no_proof(operation)
        refused = outside
        if len(answer.refused):
            found = self._mask(answer.refused, certain=not answer.varied)
            refused = found if refused is None else refused | found
        if not answer.groups:
            return None, refused
        for group in answer.groups[:-1]:
            lengths = self._mask(group.indices, certain=False)
            if refused is not None:
                lengths = lengths | refused  # those are dropped by the caller, on this path
            if self.decide(lengths):
                return group.result, refused
        return answer.groups[-1].result, refused

    def _indices_outside(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> SweptBool | None:
        """Lengths for which values that lengths decided are out of range as indices; meta tensors would not tell."""
        indexed = _INDEXED.get(_operation_name(function))
        tensors = [leaf for leaf in leaves((args, kwargs)) if type(leaf) is SweptTensor and not leaf.is_floating_point()]
        carriers = [t for t in tensors if t._tainted or t._bounds is not None or t._values is not None]
        if indexed is None or not carriers or all(t.dtype == torch.bool for t in carriers):
            return None
        source = args[indexed[0]] if len(args) > indexed[0] else None
        axis = indexed[1] if not isinstance(indexed[1], str) else args[1] if len(args) > 1 else kwargs.get("dim")
        if not isinstance(source, torch.Tensor) or type(axis) is not int:
            raise Undecidable(f"an index of {_operation_name(function)} computed from lengths may be out of range")
        call = Call(self.sweep, self.live, function, args, kwargs)
        for carrier in carriers:
            index_in_range(call, carrier, dims_of(source)[axis])
        return call.refused()

    def _no_proof(self, operation: str) -> None:
        self.sweep.executed = True
        if len(self.sweep.gaps) < 20:
            self.sweep.gaps.append(self._place(f"{operation}, which was executed"))

    def _mask(self, indices: Any, *, certain: bool) -> SweptBool:
        if certain:  # no size varied: all live lengths are alike
            return self.sweep.always
        values = np.zeros(len(self.sweep.lengths), dtype=np.bool_)
        values[indices] = True
        return SweptBool(self.sweep, values, None)

    def _plain(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """No swept argument: PyTorch executes, for its true values, and never on a device."""
        self.journal.before_in_place(function, args, kwargs)
        if kwargs.get("device") is not None and str(kwargs["device"]) != "meta":
            kwargs = {**kwargs, "device": "cpu"}
        try:
            return function(*args, **kwargs)
        except Undecidable:
            raise
        except Exception as error:
            tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
            if any(tensor.is_meta for tensor in tensors):
                if not all(tensor.is_meta for tensor in tensors):  # parameters on meta meet constants on the CPU
                    return self._plain(function, *map_tree(_to_meta, (args, kwargs)))
                if "meta" in str(error).lower():
                    what = f"{_operation_name(function)} needs the values of a parameter or buffer"
                    raise Undecidable(what) from error
            setattr(error, _OWN_ERROR, None)
            raise

    def _as_written(self, leaf: Any) -> Any:
        written = self._written.get(id(leaf))
        return leaf if written is None else written[1]

    def write(self, tensor: torch.Tensor) -> None:
        """A plain tensor was overwritten with swept data: from now on its values are not known."""
        if type(tensor) is not SweptTensor:
            strides = None if tensor.is_contiguous() else tuple(tensor.stride())
            self._written[id(tensor)] = (tensor, make(tuple(tensor.shape), tensor.dtype, strides))

    # module calls -----------------------------------------------------------------------------------------------

    def call_module(self, module: nn.Module, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `module(*args, **kwargs)` does during an analysis."""
        if self.asking or not self.frames:
            return original(module, *args, **kwargs)
        outside, self.sweep.inside = self.sweep.inside, 1
        try:
            return self._call(self.frames[-1], module, original, args, kwargs)
        finally:
            self.sweep.inside = outside

    def _call(
        self, parent: Frame, module: nn.Module, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if parent.doubt is not None:
            raise parent.doubt
        position = len(parent.events)
        if position < len(parent.replay):
            event = parent.replay[position]
            if event[0] is not module:
                raise Undecidable("the module does not repeat itself when it is run again")
            parent.events.append(event)
            outcomes, mark = event[1]
            self.journal.redo(mark)
        else:
            if not bool(self.live.values.any()):
                raise Dead
            start = self.journal.position()
            outcomes = self._call_fresh(parent, module, original, args, kwargs)
            parent.events.append((module, (outcomes, self.journal.since(start))))
        return self._choose(parent, outcomes)

    def _call_fresh(
        self, parent: Frame, module: nn.Module, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[tuple[SweptBool, Any]]:
        path = self._path(module, parent)
        is_leaf = parent.is_leaf or _is_leaf(module)
        frame = self._frame(module, path, is_leaf=is_leaf)
        if is_leaf:
            frame.node = parent.node if parent.is_leaf else self._node("call_module", path, args, kwargs, frame)
        call: Callable[[], Any] = lambda: original(module, *args, **kwargs)  # noqa: E731
        if is_leaf:
            leaf_rule = LEAF_RULES.get(type(module).forward)
            if leaf_rule is not None:
                call = lambda: self._recurrent(frame, module, leaf_rule, args, kwargs)  # noqa: E731
            elif _only_weight_hooks(module):
                call = lambda: module.forward(*args, **kwargs)  # noqa: E731
        if isinstance(module, torch.jit.ScriptModule):
            outcomes = self._execute_call(frame, call, args, kwargs, type(module).__name__)
        else:
            outcomes = self._run_frame(frame, call, (args, kwargs))
        if is_leaf and not parent.is_leaf and frame.node is not None:
            good = [output for _, output in outcomes if not isinstance(output, Raised)]
            self._finish(frame.node, good[0] if good else None)
        return outcomes

    def _recurrent(
        self, frame: Frame, module: nn.Module, rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        def run(*a: Any, **k: Any) -> Any:
            return self.journal.on_meta(module)(*a, **k)

        run.__name__ = type(module).__name__
        run.on_meta = True  # pyright: ignore[reportFunctionMemberAccess]
        self.sweep.inside = 1
        return self._apply(frame, run, args, kwargs, lambda call, *a, **k: rule(call, module, *a, **k))

    def _choose(self, parent: Frame, outcomes: list[tuple[SweptBool, Any]]) -> Any:
        """One outcome for the path; the caller is run again for the others."""
        lengths = self.sweep.never()
        for mask, _ in outcomes:
            lengths = lengths | mask
        lengths = lengths & self.live
        if not bool(lengths.values.any()):
            raise Dead
        self.live = lengths
        for position, (mask, output) in enumerate(outcomes):
            if not bool((mask.values & self.live.values).any()):
                continue
            last = not any(bool((m.values & self.live.values).any()) for m, _ in outcomes[position + 1 :])
            if last or self.decide(mask):
                if isinstance(output, Raised):
                    raise output.error
                return output
        raise Dead

    def _run_frame(
        self, frame: Frame, call: Callable[[], Any], arguments: Any = None
    ) -> list[tuple[SweptBool, Any]]:
        """Run all paths of one call; their outputs joined, one pair for each structure."""
        outcomes: list[tuple[SweptBool, Any]] = []
        entry = self.live
        start = self.journal.enter(frame.module)
        recorded = len(self.refusals), len(self.doubts)
        states: list[Any] = []
        frame.pending.append(([], entry))
        runs = 0
        self.frames.append(frame)
        try:
            while frame.pending:
                frame.replay, self.live = frame.pending.pop()
                frame.events = []
                frame.doubt = None
                runs += 1
                if runs > MAX_PATHS:
                    self._doubt(frame, self.live, f"more than {MAX_PATHS} different runs of one module call")
                    continue
                if runs > 1:
                    self.journal.roll_back(start)
                raised: Exception | None = None
                output: Any = None
                self.sweep.inside = 0
                try:
                    output = call()
                except Dead:
                    continue
                except Undecidable as doubt:
                    frame.doubt = doubt
                except Bypass as bypass:
                    frame.bypassed = frame.bypassed or str(bypass)
                except RecursionError:
                    frame.doubt = Undecidable("the recursion limit of Python was reached")
                except Exception as error:
                    raised = error
                    if self.sweep.poked:
                        self.sweep.poked = False
                        frame.doubt = Undecidable("a size is passed to a function of torch that cannot be followed")
                finally:
                    self.sweep.inside = 1
                if frame.bypassed is not None:
                    break
                if frame.doubt is not None:
                    self._doubt(frame, self.live, frame.doubt.reason)
                    continue
                if not bool(self.live.values.any()):
                    continue
                outcomes.append((self.live, output if raised is None else Raised(raised)))
                states.append(self.journal.attributes_since(start))
        finally:
            self.frames.pop()
        self.live = entry
        if frame.bypassed is not None:
            self.journal.roll_back(start)
            del self.refusals[recorded[0] :], self.doubts[recorded[1] :]
            args, kwargs = arguments if arguments is not None else ((), {})
            return self._execute_call(frame, call, args, kwargs, frame.bypassed)
        return self._settle(frame, outcomes, states)

    def _settle(
        self, frame: Frame, outcomes: list[tuple[SweptBool, Any]], states: list[Any]
    ) -> list[tuple[SweptBool, Any]]:
        raised = [(mask, output) for mask, output in outcomes if isinstance(output, Raised)]
        good = [(mask, output) for mask, output in outcomes if not isinstance(output, Raised)]
        self._joining = frame.path
        if len(good) > 1:
            self.journal.reconcile(states, [mask for mask, _ in outcomes], self)
            good = join(self, good)
        if raised and not catching.may_catch():
            for mask, output in raised:
                self._refuse(mask, output.error, frame)
            raised = []
        return [*good, *raised]

    def _execute_call(
        self, frame: Frame, call: Callable[[], Any], args: Any, kwargs: Any, what: str
    ) -> list[tuple[SweptBool, Any]]:
        """The whole module call executed by PyTorch, for each live length: what goes around torch's dispatch needs it."""
        module = frame.module
        if module is None:
            self._doubt(frame, self.live, f"{what} goes around __torch_function__ outside of any module")
            return []
        entry = self.live
        name = type(module).__name__

        def run(*a: Any, **k: Any) -> Any:
            return self.journal.on_meta(module)(*a, **k)

        run.__name__ = name
        run.on_meta = True  # pyright: ignore[reportFunctionMemberAccess]
        try:
            result, refused = self._ask_module(run, args, kwargs, frame)
        except Undecidable as doubt:
            self._doubt(frame, entry, f"{what}: {doubt.reason}")
            return []
        if refused is not None and bool((refused & entry).values.any()):
            hit = refused & entry
            index = int(np.flatnonzero(hit.values)[-1])
            self.asking = True
            try:
                error = error_at(run, args, kwargs, index)
            finally:
                self.asking = False
            if error is None:
                self._doubt(frame, entry, f"{what} cannot be executed reliably")
                return []
            self._record(Refusal(frame.node, frame.path, name, hit, error))
        outcomes = [(lengths & entry, output) for lengths, output in result]
        self.live = entry
        return outcomes

    def _ask_module(
        self, run: Callable[..., Any], args: Any, kwargs: Any, frame: Frame
    ) -> tuple[list[tuple[SweptBool, Any]], SweptBool | None]:
        self.asking = True
        try:
            answer = ask(self.sweep, run, args, kwargs, self.live, {}, self._budget)
        finally:
            self.asking = False
        if answer.varied:
            self._no_proof(run.__name__)
        if not frame.is_leaf:
            node = self._node("call_function", run, args, kwargs, frame)
            self._finish(node, answer.groups[0].result if answer.groups else None)
        certain = not answer.varied
        refused = self._mask(answer.refused, certain=certain) if len(answer.refused) else None
        return [(self._mask(g.indices, certain=certain), g.result) for g in answer.groups], refused

    # records ----------------------------------------------------------------------------------------------------

    def _refuse(self, lengths: SweptBool, error: Exception, frame: Frame) -> None:
        node, operation, layer = getattr(error, _OWN_ERROR, None) or (None, "", frame.path)
        operation = operation or f"raise {type(error).__name__}"
        self._record(Refusal(node, layer, operation, lengths, error))

    def _record(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        if refusal.node is not None:
            before = refusal.node.meta.get("fails")
            refusal.node.meta["fails"] = refusal.lengths if before is None else before | refusal.lengths
            refusal.node.meta["error"] = refusal.error

    def _doubt(self, frame: Frame, lengths: SweptBool, reason: str) -> None:
        self.doubts.append(Doubt(frame.path, self._operation, lengths, reason))

    def _frame(self, module: nn.Module | None, path: str, *, is_leaf: bool) -> Frame:
        stack = dict(self.frames[-1].stack) if self.frames else {}
        if module is not None:
            stack[path] = (path, type(module))
        call: tuple[tuple[str, int], ...] = ()
        if self.frames:
            parent = self.frames[-1]
            call = (*parent.call, (path, sum(1 for event in parent.events if event[0] is module)))
        return Frame(module, path, is_leaf, stack, call, self.live)

    def _path(self, module: nn.Module, parent: Frame) -> str:
        name = self._names.get(id(module))
        if name is None:  # made during the run, or held outside of the module tree
            name = f"{parent.path}.<{type(module).__name__}>".lstrip(".")
        return name

    def _place(self, what: str) -> str:
        return f"{what} in {self.frames[-1].path or 'the module'}" if self.frames else what

    def _node(
        self, op: str, target: Any, args: Any, kwargs: Any, frame: Frame | None = None
    ) -> torch.fx.Node:
        frame = frame or self.frames[-1]
        node = self.graph.create_node(op, target, self._fx(args), self._fx(kwargs))
        node.meta.update(
            live=self.live,
            layer=frame.path,
            operation=_operation_name(target),
            nn_module_stack=frame.stack,
            call=frame.call,
            inputs=tuple(leaf._dims for leaf in leaves((args, kwargs)) if type(leaf) is SweptTensor),
        )
        if op == "call_function":
            node.meta["call"] = (*frame.call, (node.meta["operation"], sum(1 for e in frame.events if e[0] is target)))
            node.meta["arguments"] = (args, kwargs)
        if op == "call_module":
            node.meta["arguments"] = (args, kwargs)
            node.meta["operation"] = type(frame.module).__name__
            node.meta["module"] = frame.module
        return node

    def _finish(self, node: torch.fx.Node, result: Any) -> None:
        node.meta["swept"] = result
        if type(result) is SweptTensor:
            result._node = node
        elif isinstance(result, (tuple, list)):
            for leaf in leaves(result):
                if type(leaf) is SweptTensor:
                    leaf._node = node

    def _fx(self, value: Any) -> Any:
        """The argument as a graph holds it: nodes for tensors, plain containers."""
        if isinstance(value, (tuple, list)):
            items = [self._fx(item) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, dict):
            return {key: self._fx(item) for key, item in value.items()}
        if type(value) is SweptTensor:
            return value._node if value._node is not None else repr(value)
        if isinstance(value, torch.Tensor):
            known = self._get_attr_nodes.get(id(value))
            if known is None:
                name = self._attributes.get(id(value), f"_constant_{len(self._get_attr_nodes)}")
                known = self._get_attr_nodes[id(value)] = (value, self.graph.create_node("get_attr", name))
            return known[1]
        return value

    def join_node(self, outputs: list[SweptTensor], result: SweptTensor) -> None:
        """The node that stands for the joined output of several paths."""
        nodes = tuple(output._node for output in outputs if output._node is not None)
        node = self.graph.create_node("call_function", joined, nodes)
        node.meta.update(live=self.live, layer=self._joining, operation="join", swept=result, inputs=())
        result._node = node


def joined(*paths: Any) -> Any:
    """Stands in the graph for the output of a module call that took different paths for different lengths."""
    raise RuntimeError("a joined value exists for all lengths at once; it cannot be executed")


def _has_swept(values: Any) -> bool:
    for value in values:
        kind = type(value)
        if kind is SweptTensor or kind is SweptInt or kind is SweptBool or kind is SweptFloat:
            return True
        if kind is slice:
            if _has_swept((value.start, value.stop, value.step)):
                return True
        elif kind is dict:
            if _has_swept(value.values()):
                return True
        elif isinstance(value, (tuple, list)) and _has_swept(value):
            return True
    return False


def _without_values(value: Any) -> Any:
    """A plain tensor as a swept one: what is random has no values."""
    if isinstance(value, torch.Tensor) and type(value) is not SweptTensor:
        return make(tuple(value.shape), value.dtype, None if value.is_contiguous() else tuple(value.stride()))
    return value


def _to_meta(value: Any) -> Any:
    return value.to("meta") if isinstance(value, torch.Tensor) and not value.is_meta else value


def _operation_name(function: Any) -> str:
    name = function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)
    if isinstance(function, nn.Module):
        name = type(function).__name__
    if name == "__get__":
        return getattr(getattr(function, "__self__", None), "__name__", name)
    return name


def _is_leaf(module: nn.Module) -> bool:
    where = type(module).forward.__module__ or ""
    return where.startswith("torch.nn.modules.") and where.rpartition(".")[2] not in ("container", "transformer", "module")


def _only_weight_hooks(module: nn.Module) -> bool:
    """No hooks but those of weight_norm and spectral_norm, which decide no shape and may be skipped."""
    if module._forward_hooks or module._backward_hooks or module._backward_pre_hooks:  # pyright: ignore[reportPrivateUsage]
        return False
    return all(type(hook).__name__ in ("WeightNorm", "SpectralNorm") for hook in module._forward_pre_hooks.values())  # pyright: ignore[reportPrivateUsage]


__all__ = ["Bool", "Doubt", "Frame", "Raised", "Refusal", "Tracer", "joined"]
