"""One torch function at a time: by a rule, by asking PyTorch, or, without swept arguments, by executing it as it is.

Invariant: what comes out holds for all lengths that are live afterwards; the others have left with PyTorch's own error.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
import torch.fx

from shapecheck import catching
from shapecheck.acceptance import instead
from shapecheck.ask import Answer, Budget, Memo, ask
from shapecheck.execution import error_at
from shapecheck.journal import Journal, changed_by
from shapecheck.lengths.swept import Sweep, SweptBool, SweptFloat, SweptInt, Undecidable
from shapecheck.open_layouts import StandIns
from shapecheck.outcomes import Dead
from shapecheck.readings import Readings
from shapecheck.recipes import Recipes
from shapecheck.record import ORIGIN, Frame, Record, Refusal, last_index, operation_name
from shapecheck.rules import ALWAYS, IN_PLACE_FORMS, RANDOM, RULES, STRUCTURAL, Call, NoRule
from shapecheck.rules.indexing import check_indices
from shapecheck.rules.positions import bound_positions
from shapecheck.rules.values import spoil
from shapecheck.tensor import SweptTensor, make
from shapecheck.trees import kind_of, leaves, map_tree, tensors_of

MOST_ERRORS = 256  # that are looked at where code could catch them; past that, some of them


class Running(Protocol):
    """The part of the tracer that operations use."""

    sweep: Sweep
    live: SweptBool
    record: Record
    journal: Journal
    asking: bool

    def decide(self, condition: SweptBool) -> bool: ...

    def mark(self, number: Any, resolve: Callable[[int], str]) -> str: ...

    def place(self, what: str) -> str: ...

    def draws(self, index: int) -> list[str]: ...


class Operations:
    """Answers for the torch functions of one analysis."""

    def __init__(self, tracer: Running, *, rules: bool, executions: int, accepting: bool) -> None:
        self._tracer = tracer
        self._accepting = accepting  # operations that refuse lengths are recorded, and given what they accept
        self._rules: Mapping[Any, Any] = RULES if rules else ALWAYS
        self._memo: Memo = {}
        self._budget = Budget(executions)
        self._recipes = Recipes()
        self._readings = Readings(tracer, self._budget)
        self._written: dict[int, torch.Tensor] = {}  # plain tensors that now hold swept data, by their memory
        self.has_blank = False  # the module itself is on the meta device: its device stands for any
        self.current = ""  # the operation in progress, or the last one

    def run(self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of one torch function for the lengths that it accepts."""
        self.current = operation_name(function)
        if any(type(arg) is np.ndarray and arg.dtype == object for arg in args):  # what `lengths.numpy()` gave
            args = tuple(arg.tolist() if type(arg) is np.ndarray else arg for arg in args)
        device = kwargs.get("device") or next((arg for arg in args if type(arg) in (str, torch.device)), None)
        if device is not None and not self.has_blank and str(device).startswith("meta"):
            raise Undecidable("a tensor is put on the meta device, which has no data")
        if self._written:
            args, kwargs = map_tree(self._as_written, (args, kwargs))
        args, kwargs = self._readings.prepared(function, args, kwargs)
        structural = STRUCTURAL.get(function)
        if structural is not None:
            result = structural(function, args, kwargs)
            if result is not NotImplemented:
                if not args or result is not args[0]:
                    self._recipes.remember(function, args, kwargs, result)
                return result
        rule = self._rules.get(function)
        if function in RANDOM:
            targets = changed_by(function, args, kwargs)
            if targets and all(type(target) is not SweptTensor for target in targets):
                for target in targets:
                    self.write(target)
                return targets[0]
            args, kwargs = map_tree(self._without_values, (args, kwargs))
        elif not _has_swept(args) and not (kwargs and _has_swept(kwargs.values())):
            if rule is None or not _has_meta(args) or (self.current.endswith("_") and not self.current.endswith("__")):
                return self._plain(function, args, kwargs)
            # parameters on meta have no values either, and torch's meta kernels are far slower than a rule
            args, kwargs = map_tree(self._without_values, (args, kwargs))
        form = IN_PLACE_FORMS.get(function)
        if form is not None and type(args[0]) is SweptTensor:
            self._tracer.journal.reform(args[0], self.apply(frame, form, args, kwargs, self._rules.get(form)))
            return args[0]
        return self.apply(frame, function, args, kwargs, rule)

    def apply(self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], rule: Any) -> Any:
        """By the rule, if there is one that covers the call, or else by asking; recorded as a node."""
        tracer = self._tracer
        if torch.is_autocast_enabled("cpu"):
            raise Undecidable("autocast decides the dtype of results")
        node = frame.node
        if not frame.is_leaf:
            node = tracer.record.node(frame, "call_function", function, (args, kwargs), tracer.live)
        result: Any = NotImplemented
        refused: SweptBool | None = None
        if rule is not None:
            call = Call(tracer.sweep, tracer.live, function, args, kwargs)
            try:
                if any(isinstance(leaf, np.generic) for leaf in leaves((args, kwargs))):  # np.prod(rates), say
                    args, kwargs = map_tree(_python_number, (args, kwargs))
                result = rule(call, *args, **kwargs)
                refused = call.refused()
                for tensor in call.written:
                    self.write(tensor)
            except NoRule:
                result = NotImplemented
        if result is NotImplemented:
            result, refused = self._asked(function, args, kwargs)
        if refused is not None:
            hit = refused & tracer.live
            tracer.sweep.rest_on(refused, tracer.live, lambda: tracer.place(operation_name(function)))
            if hit.somewhere:
                if not self._accepting or catching.handling() > catching.Handling.PASSED:
                    self._drop(frame, hit, function, args, kwargs, node)
                elif not tracer.decide(~hit):
                    return self._accepted(frame, function, args, kwargs, node, rule)
        for tensor in changed_by(function, args, kwargs):
            self.write(tensor)
        for target in tensors_of(kwargs.get("out")):
            if type(target) is SweptTensor and not target.dtype.is_floating_point:
                spoil(target)
        if function in RANDOM:
            for leaf in leaves(result):
                if type(leaf) is SweptTensor and leaf._values is not None:
                    leaf._values, leaf._tainted = None, not leaf.dtype.is_floating_point
        self._recipes.remember(function, args, kwargs, result)
        if not frame.is_leaf and node is not None:
            tracer.record.finish(node, result)
        return result

    def _accepted(
        self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], node: Any, rule: Any
    ) -> Any:
        """What comes of an operation that refuses all live lengths when it is given what it accepts instead."""
        tracer = self._tracer
        operation = operation_name(function)
        given = instead(function, args, kwargs, tracer.live)
        if given is None:
            self._drop(frame, tracer.live, function, args, kwargs, node)
            raise Dead
        error = self.error_at(function, args, kwargs, tracer.live)
        if error is None:
            raise Undecidable(f"the rule for {operation} refuses lengths that PyTorch accepts")
        text, draws = f"{type(error).__name__}: {error}", tuple(tracer.draws(last_index(tracer.live)))
        tracer.record.refuse(Refusal(node, frame.path, operation, tracer.live, error, text, draws, is_accepted=True))
        return given.result(self.apply(frame, function, given.args, given.kwargs, rule))

    def execute(self, function: Callable[..., Any], args: Any, kwargs: Any, lengths: SweptBool, memo: Memo) -> Answer:
        """PyTorch's own answer at the given lengths; where sizes varied, it carries no proof past the sweep."""
        tracer = self._tracer
        tracer.asking = True
        drawn = random.getstate()  # importing what a meta kernel needs can draw
        try:
            answer = ask(tracer.sweep, function, args, kwargs, lengths, memo, self._budget)
        finally:
            tracer.asking = False
            random.setstate(drawn)
        if answer.varied:
            tracer.sweep.asked_at(lengths, lambda: tracer.place(f"{operation_name(function)}, which was executed"))
        return answer

    def error_at(self, function: Any, args: Any, kwargs: Any, hit: SweptBool) -> Exception | None:
        """What PyTorch raises at the largest of the lengths."""
        self._tracer.asking = True
        try:
            return error_at(function, args, kwargs, int(np.flatnonzero(hit.values)[-1]))
        finally:
            self._tracer.asking = False

    def mask(self, indices: Any, answer: Answer) -> SweptBool:
        """Indices of the sweep as a swept boolean."""
        sweep = self._tracer.sweep
        if not answer.varied:  # all live lengths are alike
            return sweep.always
        values = np.zeros(len(sweep.lengths), dtype=np.bool_)
        values[indices] = True
        return SweptBool(sweep, values, None)

    def write(self, tensor: torch.Tensor) -> None:
        """A plain tensor was overwritten with swept data: its values are not known any more, nor those of its views."""
        if type(tensor) is not SweptTensor:
            self._written[_memory(tensor)] = tensor

    def _drop(
        self, frame: Frame, hit: SweptBool, function: Any, args: Any, kwargs: Any, node: torch.fx.Node | None
    ) -> None:
        """Lengths that this operation refuses leave with PyTorch's error; where code could catch it, it is raised."""
        tracer = self._tracer
        operation = operation_name(function)
        error = self.error_at(function, args, kwargs, hit)
        if error is None:
            length = tracer.sweep.first + int(np.flatnonzero(hit.values)[-1])
            raise Undecidable(f"the rule for {operation} refuses T = {length}, which PyTorch accepts")
        handling = catching.handling()
        if handling is not catching.Handling.NONE:
            if tracer.decide(~hit):
                return
            error = self._of_one_class(function, args, kwargs)
            if handling is catching.Handling.NAMED:  # code may look at the text, which differs from length to length
                error = self._without_text(error, function, args, kwargs)
            if node is not None:  # it refuses them even if code catches that
                tracer.record.fails(node, tracer.live, error)
            setattr(error, ORIGIN, (node, operation, frame.path))
            raise error
        text = f"{type(error).__name__}: {error}"
        draws = tuple(tracer.draws(last_index(hit)))
        tracer.record.refuse(Refusal(node, frame.path, operation, hit, error, text, draws))
        tracer.live = tracer.live & ~hit
        if not tracer.live.somewhere:
            raise Dead

    def _of_one_class(self, function: Any, args: Any, kwargs: Any) -> Exception:
        """The error at the largest live length; the path goes on with the lengths whose errors are of one class."""
        tracer = self._tracer
        indices = np.flatnonzero(tracer.live.values)
        step = -(-len(indices) // MOST_ERRORS)
        kinds: dict[Any, list[int]] = {}
        for index in [*indices[:-1:step], indices[-1]]:
            only = SweptBool(tracer.sweep, np.arange(len(tracer.live.values)) == index, None)
            kinds.setdefault(type(self.error_at(function, args, kwargs, only)), []).append(int(index))
        if len(kinds) > 1 and step > 1:
            raise Undecidable("different lengths raise different exceptions, which code could catch")
        for members in list(kinds.values())[:-1]:
            values = np.isin(np.arange(len(tracer.live.values)), members)
            if tracer.decide(SweptBool(tracer.sweep, values, None)):
                break
        error = self.error_at(function, args, kwargs, tracer.live)
        if error is None:
            raise Undecidable(f"the rule for {operation_name(function)} refuses lengths that PyTorch accepts")
        return error

    def _without_text(self, error: Exception, function: Any, args: Any, kwargs: Any) -> Exception:
        """The error with a marker for its text."""
        tracer = self._tracer

        def text(index: int) -> str:
            return str(error_at(function, args, kwargs, index))

        marked = copy.copy(error)
        marked.args = (tracer.mark(tracer.sweep.variable(), text),)
        return marked

    def _asked(self, function: Any, args: Any, kwargs: Any) -> tuple[Any, SweptBool | None]:
        tracer = self._tracer
        call = Call(tracer.sweep, tracer.live, function, args, kwargs)
        check_indices(call, operation_name(function))
        refused = call.refused()
        asked = tracer.live if refused is None else tracer.live & ~refused
        if not asked.somewhere:
            return None, refused
        given = StandIns(function, args, kwargs)
        answer = self.execute(function, given.args, given.kwargs, asked, self._memo)
        if len(answer.refused):
            found = self.mask(answer.refused, answer)
            refused = found if refused is None else refused | found
        if not answer.groups:
            return None, refused
        for group in answer.groups:
            bound_positions(operation_name(function), args, kwargs, group.result)
        for group in answer.groups[:-1]:
            lengths = self.mask(group.indices, answer)
            if refused is not None:
                lengths = lengths | refused  # those are dropped by the caller, on this path
            if tracer.decide(lengths):
                return given.result(group.result), refused
        return given.result(answer.groups[-1].result), refused

    def _plain(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """No swept argument: PyTorch executes, for its true values, and never on a device."""
        self._tracer.journal.before_in_place(function, args, kwargs)
        drawn = torch.get_rng_state()
        if kwargs.get("device") is not None and str(kwargs["device"]) != "meta":
            kwargs = {**kwargs, "device": "cpu"}
        try:
            result = function(*args, **kwargs)
            if not torch.equal(drawn, torch.get_rng_state()):
                return self._random(function, args, kwargs, result)
            return result
        except Exception as error:
            tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
            if any(tensor.is_meta for tensor in tensors):
                if not all(tensor.is_meta for tensor in tensors):  # parameters on meta meet constants on the CPU
                    return self._plain(function, *map_tree(_to_meta, (args, kwargs)))
                if "meta" in str(error).lower():
                    what = f"{operation_name(function)} needs the values of a parameter or buffer"
                    raise Undecidable(what) from error
            setattr(error, ORIGIN, None)
            raise

    def _random(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        """The results of a plain operation that drew random numbers: their values are not known."""
        for tensor in changed_by(function, args, kwargs):
            self.write(tensor)
        if any(result is tensor for tensor in tensors_of((args, kwargs))):
            return result
        return map_tree(self._without_values, result)

    def _without_values(self, value: Any) -> Any:
        """A plain tensor as a swept one: its values are random, or not there."""
        if not isinstance(value, torch.Tensor) or type(value) is SweptTensor:
            return value
        stand_in = make(tuple(value.shape), value.dtype, None if value.is_contiguous() else tuple(value.stride()))
        stand_in._node = self._tracer.record.attribute(value)
        return stand_in

    def _as_written(self, leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or type(leaf) is SweptTensor or _memory(leaf) not in self._written:
            return leaf
        stand_in = self._without_values(leaf)
        stand_in._tainted = not leaf.dtype.is_floating_point and not leaf.dtype.is_complex
        return stand_in


def _memory(tensor: torch.Tensor) -> int:
    """Which memory a plain tensor is in: shared with its views."""
    with torch._C.DisableTorchFunction():
        return tensor.untyped_storage()._cdata


def _has_swept(values: Any) -> bool:
    for value in values:
        kind = kind_of(value)
        if kind is SweptTensor or kind is SweptInt or kind is SweptBool or kind is SweptFloat:
            return True
        if kind is slice:
            if _has_swept((value.start, value.stop, value.step)):
                return True
        elif kind is np.ndarray:
            if value.dtype == object and _has_swept(value.flat):
                return True
        elif kind is dict:
            if _has_swept(value.values()):
                return True
        elif isinstance(value, (tuple, list)) and _has_swept(value):
            return True
    return False


def _python_number(value: Any) -> Any:
    return value.item() if issubclass(kind_of(value), (np.integer, np.floating, np.bool_)) else value


def _has_meta(args: tuple[Any, ...]) -> bool:
    return any(isinstance(leaf, torch.Tensor) and leaf.is_meta for leaf in leaves(args))


def _to_meta(value: Any) -> Any:
    return value.to("meta") if isinstance(value, torch.Tensor) and not value.is_meta else value
