"""Follow a program in TorchScript from the inputs of its module's forward to its outputs, statement by statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from ..reading.limits import check_count
from .aten.arithmetic import truth_of
from .aten.evaluation import Evaluation, called
from .aten.operators import is_known
from .aten.queries import OPERATORS_OF_PYTHON
from .aten.values import kind_of, whole
from .objects import Module, Objects, advice
from .program import Program
from .python import key_of, range_of, short_of
from .trees import (
    Assign,
    Attribute,
    Call,
    Class,
    Expression,
    Function,
    Index,
    Items,
    Literal,
    Loop,
    Name,
    Pairs,
    Return,
    Statement,
)

MOST_STEPS = 100_000
"""The most statements and expressions that are followed; a layer takes some thirty."""
MOST_CALLS = 40
"""The most functions that call one another, methods of modules inside modules among them."""


class _NoValue:
    """The result of a statement that does not return from its function."""


GO_ON = _NoValue()


@dataclass(frozen=True)
class Reference:
    """A function of the program, or a name that leads to one."""

    name: str


@dataclass
class Frame:
    """The variables of a function that is being followed.

    place : the path of its module, or the function's name.
    """

    place: str
    variables: dict[str, Any]


class Interpreter:
    """Follows functions of a program.

    constants : gives the constants that the program calls `CONSTANTS.c0` and so on.  evaluation : carries out torch's operators.
    """

    def __init__(self, program: Program, objects: Objects, constants: Callable[[str], Any], evaluation: Evaluation) -> None:
        self._program, self._objects, self._constant, self._evaluation = program, objects, constants, evaluation
        self._steps = self._calls = 0

    def method(self, module: Module, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """The result of a method of a module."""
        function = self._program.method(module.kind, name)
        return self._function(function, [module, *args], keywords, module.path or "forward")

    def _function(self, function: Function, args: Sequence[Any], keywords: Mapping[str, Any], place: str) -> Any:
        with self._called():
            frame = Frame(place, self._bound(function, args, keywords))
            found = self._block(function, function.body, frame)
            return None if found is GO_ON else found

    @contextmanager
    def _called(self) -> Iterator[None]:
        self._calls += 1
        check_count(self._calls, MOST_CALLS, "functions that call one another")
        try:
            yield
        finally:
            self._calls -= 1

    def _bound(self, function: Function, args: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
        if len(args) > len(function.parameters) or not set(keywords) <= set(function.parameters):
            raise FormatError(f"{function.name:.200} is called with other arguments than it has; the file is damaged")
        bound = {**dict(zip(function.parameters, args, strict=False)), **keywords}
        for name, parameter in function.parameters.items():
            if name not in bound:
                if parameter.default is None:
                    raise FormatError(f"{function.name:.200} is called without {name!r:.80}; the file is damaged")
                bound[name] = self._value(parameter.default, Frame("", {}))
        return bound

    # Statements

    def _block(self, function: Function, block: Sequence[Statement], frame: Frame) -> Any:
        for statement in block:
            found = self._statement(function, statement, frame)
            if found is not GO_ON:
                return found
        return GO_ON

    def _statement(self, function: Function, statement: Statement, frame: Frame) -> Any:
        self._step()
        if isinstance(statement, Loop):
            return self._loop(function, statement, frame)
        with located(f"{short_of(function.name)} line {statement.line}"):
            if isinstance(statement, Return):
                return self._value(statement.value, frame)
            if isinstance(statement, Assign):
                self._assign(statement, frame)
                return GO_ON
            holds = truth_of(self._evaluation.current(self._value(statement.condition, frame)))
        return self._block(function, statement.then if holds else statement.otherwise, frame)

    def _assign(self, statement: Assign, frame: Frame) -> None:
        value = self._value(statement.value, frame)
        if not statement.is_unpacked:
            for target in statement.targets:
                frame.variables[target] = value
            return
        if not isinstance(value, (list, tuple)) or len(value) != len(statement.targets):
            raise FormatError(f"it takes {len(statement.targets)} values out of {kind_of(value)}; the file is damaged")
        frame.variables.update(zip(statement.targets, value, strict=True))

    def _loop(self, function: Function, loop: Loop, frame: Frame) -> Any:
        for _ in self._rounds(loop, frame):
            found = self._block(function, loop.body, frame)
            if found is not GO_ON:
                return found
        return GO_ON

    def _rounds(self, loop: Loop, frame: Frame) -> Iterator[None]:
        """Yield before each run of a loop's body: while the source holds, or with each entry of the source as the target."""
        if not loop.target:
            while truth_of(self._value(loop.source, frame)):
                yield
            return
        source = self._value(loop.source, frame)
        if not isinstance(source, (list, tuple, range)):
            raise FormatError(f"it goes through {kind_of(source)} one by one; the file is damaged")
        for one in source:
            self._step()
            frame.variables[loop.target] = one
            yield

    def _weighed(self, value: Any) -> Any:
        """The value of a list, tuple or dict. Its entries, and those of containers inside it, are counted as steps."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, (list, tuple, dict)):
                waiting.extend(one.values() if isinstance(one, dict) else one)
                self._step(len(one))
        return value

    def _step(self, count: int = 1) -> None:
        self._steps += count
        if self._steps > MOST_STEPS:
            raise FormatError(f"its program runs for more than {MOST_STEPS} steps; fastjac follows programs of up to that many")

    # Expressions

    def _value(self, expression: Expression, frame: Frame) -> Any:
        self._step()
        if isinstance(expression, Literal):
            return expression.value
        if isinstance(expression, Name):
            return self._variable(expression.name, frame)
        if isinstance(expression, Call):
            return self._call(expression, frame)
        if isinstance(expression, Attribute):
            return self._attribute(expression, frame)
        if isinstance(expression, Items):
            return self._weighed(expression.kind(self._value(one, frame) for one in expression.items))
        if isinstance(expression, Pairs):
            pairs = {key_of(self._value(key, frame)): self._value(value, frame) for key, value in expression.items}
            return self._weighed(pairs)
        return self._entry(expression, frame)

    def _variable(self, name: str, frame: Frame) -> Any:
        if name in frame.variables:
            return frame.variables[name]
        if name in ROOTS:
            return Reference(name)
        raise FormatError(f"it uses {name!r:.80}, which has no value; the file is damaged")

    def _attribute(self, expression: Attribute, frame: Frame) -> Any:
        value, name = self._value(expression.value, frame), expression.name
        if isinstance(value, Module):
            return self._objects.attribute(value, name)
        if isinstance(value, Reference):
            return self._constant(name) if value.name == CONSTANTS else Reference(f"{value.name}.{name}")
        raise FormatError(f"it takes {name!r:.80} of {kind_of(value)}; the file is damaged")

    def _entry(self, expression: Index, frame: Frame) -> Any:
        value, index = self._value(expression.value, frame), self._value(expression.index, frame)
        if isinstance(value, dict):
            if key_of(index) not in value:
                raise FormatError(f"it takes {index!r:.80} out of a dict that does not hold it; the file is damaged")
            return value[index]
        number = whole(index, "index")
        if not isinstance(value, (list, tuple)) or not -len(value) <= number < len(value):
            raise FormatError(f"it takes entry {number} of {kind_of(value)}; the file is damaged")
        return value[number]

    def _call(self, call: Call, frame: Frame) -> Any:
        if isinstance(call.function, Name) and call.function.name not in frame.variables:
            return self._builtin(call.function.name, call, frame)
        args = [self._value(one, frame) for one in call.args]
        keywords = {name: self._value(one, frame) for name, one in call.keywords.items()}
        if isinstance(call.function, Attribute):
            owner = self._value(call.function.value, frame)
            if isinstance(owner, Module):
                return self.method(owner, call.function.name, args, keywords)
            if not isinstance(owner, Reference):
                raise FormatError(f"it calls {call.function.name!r:.80} of {kind_of(owner)}; the file is damaged")
            return self._named(f"{owner.name}.{call.function.name}", args, keywords, frame)
        function = self._value(call.function, frame)
        if not isinstance(function, Reference):
            raise FormatError(f"it calls {kind_of(function)}; the file is damaged")
        return self._named(function.name, args, keywords, frame)

    def _named(self, name: str, args: Sequence[Any], keywords: Mapping[str, Any], frame: Frame) -> Any:
        """The result of a function with this dotted name: one of torch's operators, or a function of the program."""
        root, _, rest = name.partition(".")
        if root == "torch":
            return self._operator(rest, args, keywords, frame)
        if root == "ops":
            library, _, rest = rest.partition(".")
            if name == "ops.prim.RaiseException":
                raise UnsupportedLayerError(f"the module refuses its input: {args[0] if args else ''!s:.300}")
            if library == "aten" or (library == "prim" and is_known(f"prim.{rest}")):
                return self._operator(rest if library == "aten" else f"prim.{rest}", args, keywords, frame)
            raise UnsupportedLayerError(f"it calls {library}::{rest:.80}, which fastjac does not have; {advice(library)}")
        if root == "__torch__":
            found = self._program.definition(name)
            if isinstance(found, Class):
                return self._made(found, args)
            return self._function(found, args, keywords, frame.place)
        raise FormatError(f"it calls {name:.80}; the file is damaged")

    def _operator(self, name: str, args: Sequence[Any], keywords: Mapping[str, Any], frame: Frame) -> Any:
        with located(f"torch.{name:.80}"):
            return self._weighed(self._evaluation.call(name, args, keywords, frame.place))

    def _made(self, kind: Class, args: Sequence[Any]) -> Any:
        if kind.base != "NamedTuple":
            raise UnsupportedLayerError(
                f"it makes an object of {kind.name:.200} as it runs; fastjac takes tensors, tuples, lists and dicts"
            )
        return tuple(args)

    def _builtin(self, name: str, call: Call, frame: Frame) -> Any:
        """The result of a function of Python's that TorchScript has; a first argument that is a type is skipped."""
        if name in CASTS:
            return self._value(call.args[1], frame) if len(call.args) > 1 else None
        if name == "uninitialized":
            return None
        args = [self._value(one, frame) for one in call.args]
        if name == "getattr" and len(args) == 2 and isinstance(args[0], Module):
            return self._objects.attribute(args[0], str(args[1]))
        if name == "range":
            return range_of(args)
        if name in OPERATORS_OF_PYTHON:
            with located(name):
                return called(OPERATORS_OF_PYTHON[name], args[:1], {})
        raise UnsupportedLayerError(f"it calls Python's {name:.80}, which fastjac does not follow")


CONSTANTS = "CONSTANTS"
ROOTS = ("torch", "ops", "__torch__", CONSTANTS)
"""The first parts of the names that a program may use besides its variables."""
CASTS = ("annotate", "unchecked_cast")
