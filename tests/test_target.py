"""Where a target is and what it makes: files and names as strange as users have them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from shapecheck import UsageError, check
from shapecheck.arguments import Arguments
from shapecheck.model import Unit, built
from shapecheck.target import Target

NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv1d(width, 8, 5)
    def forward(self, x):
        return self.conv(x)
"""

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Make a file of the folder where the test is."""
    monkeypatch.chdir(tmp_path)

    def file(name: str, text: str = NET) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return file


def make(text: str, *arguments: Any, **keywords: Any) -> nn.Module:
    target = Target.parse(text)
    with target.code.visit():
        return built(lambda: target.build(arguments, keywords))


def minimum(text: str, *inputs: str, init: tuple[Any, Any] = ((), {}), method: str = "forward") -> int | None:
    """The smallest length, of a whole analysis."""
    given = Arguments.parse(inputs or ["f32[1, 4, T]"])
    report = check(Target.parse(text).model(given, init, method, Unit("steps")))
    return report.components[0].report.minimum


def refused(text: str, *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(UsageError) as caught:
        make(text, *arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "net.py",
        "my model.py",
        "my-model.py",
        "model.v2.py",
        "größe.py",
        "日本.py",
        "class.py",
        "2nd.py",
        "random.py",  # known to Python already
        "calendar.py",
        "types.py",
        "torch.py",
        "numpy.py",
        "shapecheck.py",
        "models.py",
        "tests.py",
        "utils.py",
        "__main__.py",
        "a folder/net.py",
        "größe/net.py",
        "v1.0/net.py",
        "v1.0/__init__.py",
        "code/__init__.py",
        "code/net.py",
        "tests/net.py",
    ],
)
def test_names_of_files(name: str, write: Write) -> None:
    write(name, NET)
    assert minimum(f"{name}:Net") == 5


def test_other_ways_to_write_a_path(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write("one/net.py", "from near import Net")
    write("one/near.py", NET)
    write("two/other.txt", "")
    assert minimum(f"{tmp_path}/one/net.py:Net") == 5
    assert minimum("./two/../one/net.py:Net") == 5
    monkeypatch.chdir(tmp_path / "two")
    assert minimum("../one/net.py:Net") == 5


def test_a_link_has_its_own_neighbours_and_those_of_its_file(write: Write, tmp_path: Path) -> None:
    write("store/0a1b.py", "from near import Net\nfrom far import X")
    write("store/far.py", "X = 1")
    write("project/near.py", NET)
    (tmp_path / "project" / "net.py").symlink_to(tmp_path / "store" / "0a1b.py")
    assert minimum("project/net.py:Net") == 5


def test_imports_start_beside_the_file_and_where_the_user_is(write: Write) -> None:
    write("project/net.py", "from near import Net\nfrom project.other import X\nfrom here import Y")
    write("project/near.py", NET)
    write("project/other.py", "X = 1")
    write("here.py", "Y = 1")
    assert minimum("project/net.py:Net") == 5


@pytest.mark.parametrize("top", ["pack", "code", "v1.0", "my pack"])
def test_relative_imports(top: str, write: Write) -> None:
    write(f"{top}/__init__.py", "")
    write(f"{top}/parts/__init__.py", "from .conv import Net")
    write(f"{top}/parts/conv.py", "from ..base import *\nfrom . import more")
    write(f"{top}/parts/more.py", "")
    write(f"{top}/base.py", NET)
    assert minimum(f"{top}/parts/conv.py:Net") == 5
    assert minimum(f"{top}/parts/__init__.py:Net") == 5


def test_the_file_is_meant_and_not_the_package_of_its_name(write: Write) -> None:
    write("utils/__init__.py", "")
    write("utils.py", NET)
    assert minimum("utils.py:Net") == 5


def test_names_of_modules(write: Write) -> None:
    write("pack/__init__.py", "from .net import Net")
    write("pack/net.py", NET)
    write("tests/__init__.py", NET)
    assert minimum("pack:Net") == 5
    assert minimum("pack.net:Net") == 5
    assert minimum("tests:Net") == 5  # not those of a package that is known already
    assert minimum("torch.nn:Conv1d", "f32[1, 4, T]", init=((4, 4, 3), {})) == 3


MADE = (
    NET
    + """
import functools
from dataclasses import dataclass
class Outer:
    class Inner(Net): pass
def function(width): return Net(width)
shorter = lambda: Net()
partial = functools.partial(Net, width=4)
instance = Net()
class New(Net):
    def __new__(cls, kind="net"): return Net()
    def __init__(self, kind): raise AssertionError
@dataclass(eq=False)
class Data(nn.Module):
    width: int = 4
    def __post_init__(self):
        super().__init__()
        self.conv = nn.Conv1d(self.width, 8, 5)
    def forward(self, x):
        return self.conv(x)
class Factory:
    @staticmethod
    def build(): return Net()
class Callable:
    def __call__(self): return Net()
call = Callable()
number = 3
class Plain: pass
def nothing(): return None
"""
)


@pytest.mark.parametrize(
    "name", ["Net", "Outer.Inner", "shorter", "partial", "instance", "New", "Data", "Factory.build", "call"]
)
def test_what_a_name_may_be(name: str, write: Write) -> None:
    write("net.py", MADE)
    assert minimum(f"net.py:{name}") == 5


def test_arguments_of_what_makes_it(write: Write) -> None:
    write("net.py", MADE)
    assert minimum("net.py:function", "f32[1, 6, T]", init=((), {"width": 6})) == 5
    assert minimum("net.py:function", "f32[1, 6, T]", init=((6,), {})) == 5


@pytest.mark.parametrize(
    ("name", "keywords", "message"),
    [
        ("function", {}, "missing a required argument: 'width': function(width); give its arguments as JSON,"),
        ("function", {}, """such as --init '{"width": 64}'"""),
        ("Net", {"w": 1}, "got an unexpected keyword argument 'w': Net(width=4)"),
        ("Net", {"width": "a"}, "building it failed: net.py, line 6: TypeError: "),
        ("Net", {"width": None}, "building it failed: net.py, line 6: TypeError: "),
        ("instance", {"a": 1}, "is an instance already; --init is for a class or a function"),
        ("number", {}, "is a int, neither an nn.Module nor what makes one"),
        ("Plain", {}, "is no nn.Module"),
        ("nothing", {}, "returned a NoneType, no nn.Module"),
        ("Nett", {}, "net.py has no Nett; it has Net, "),
        ("Outer.Iner", {}, "net.py has no Outer.Iner; it has Inner"),
        ("number.x", {}, "net.py has no number.x; it has no nn.Module"),
        ("", {}, "net.py:: names no class, instance or function; write net.py:NAME, one of: Net, Outer, New, Data, "),
    ],
)
def test_misuse(name: str, keywords: dict[str, Any], message: str, write: Write) -> None:
    write("net.py", MADE)
    said = refused(f"net.py:{name}", **keywords)
    assert message in said
    assert said.startswith("net.py:")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("", "TARGET: names no module; write FILE.py:NAME or PACKAGE.MODULE:NAME, as in shapecheck module models.py:"),
        (":Net", ":Net: names no module; write "),
        ("absent.py:Net", "absent.py: there is no such file; write FILE.py:NAME, as in"),
        ("./folder:Net", "folder: is a directory; write FILE.py:NAME"),
        ("./pack:Net", "pack: is a directory; there is pack/__init__.py in it; write FILE.py:NAME"),
        ("notes.txt:Net", "notes.txt is not a .py file"),
        ("no-module:Net", "no-module is neither a .py file nor the name of a Python module, as in"),
        ("gruut:Net", "gruut:Net: needs gruut, which is not installed: pip install gruut"),
        ("torch.nm:Net", "torch.nm:Net: No module named 'torch.nm'"),
        ("torch.nn:Cov1d", "torch has no Cov1d; it has Conv1d, "),
        ("empty.py:Net", "empty.py has no Net; it has no nn.Module"),
        ("empty.py", "empty.py: names no class, instance or function; write empty.py:NAME"),
        ("wrong.py:Net", "wrong.py, line 1: is not Python: "),
        ("wrong.py", "wrong.py: names no class, instance or function; write wrong.py:NAME"),
        ("latin.py:Net", "is not Python: "),
        ("exits.py:Net", "exits.py:Net: exits.py, line 2 called sys.exit(1)"),
        ("late.py:late", "late.py:late: late.py, line 3: needs gruut, which is not installed: pip install gruut"),
        ("late.py:quits", "late.py:quits: late.py, line 5 called sys.exit('no')"),
        ("late.py:absent", "late.py:absent: looking up absent failed: late.py, line 7: ValueError: absent"),
    ],
)
def test_what_cannot_be_found_or_run(target: str, message: str, write: Write, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    write("pack/__init__.py", "")
    write("notes.txt", "")
    write("empty.py", "")
    write("wrong.py", "class Net(:")
    write("latin.py", "")
    (tmp_path / "latin.py").write_bytes("x = 'größe'\n".encode("latin-1"))
    write("exits.py", "import sys\nsys.exit(1)")
    lines = ("import sys", "def late():", "    import gruut", "def quits():", "    sys.exit('no')")
    write("late.py", "\n".join((*lines, "def __getattr__(name):", "    raise ValueError(name)")))
    assert message in refused(target)


def test_many_names_are_not_all_listed(write: Write) -> None:
    write("net.py", NET + "".join(f"\nclass Net{number}(Net): pass" for number in range(30)))
    said = refused("net.py:Net177")
    assert said.startswith("net.py:Net177: net.py has no Net177; it has Net17, ")
    assert said.endswith(" and 19 more")


READS = """
from torch import nn
import torch
class Reads(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 8, int(torch.tensor([3, 7]).max()))
    def forward(self, x):
        return self.conv(x)
class Table(nn.Module):
    def __init__(self, slow=False):
        super().__init__()
        assert not slow or torch.get_default_device().type == "meta"
        self.register_buffer("step", torch.tensor(3))
        self.conv = nn.Conv1d(4, 8, 3)
    def forward(self, x):
        return self.conv(x[..., :: int(self.step)])
WINDOW = torch.ones(4)
class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
    def forward(self, x):
        return (x[..., -5:] * 2).unfold(-1, int(WINDOW.sum()), 1) * (WINDOW * self.weight)
"""


def test_a_constructor_that_reads_values_runs_on_the_cpu(write: Write) -> None:
    write("net.py", READS)
    assert next(make("net.py:Reads").parameters()).device.type == "cpu"
    assert next(make("net.py:Table").buffers()).device.type == "meta"
    assert minimum("net.py:Reads") == 7


def test_lengths_that_hang_on_a_buffer_are_decided_on_the_cpu(write: Write) -> None:
    write("net.py", READS)
    assert minimum("net.py:Table") == 7
    assert minimum("net.py:Table", init=((), {"slow": True})) is None  # not decided: on the CPU it cannot be made
    assert minimum("net.py:Constant") == 4


def test_a_module_that_reads_a_file_beside_it(write: Write) -> None:
    text = NET + "\nimport os\nfrom pathlib import Path\nWIDTH = int((Path(__file__).parent / 'width').read_text())"
    write("folder/net.py", text + "\nos.chdir(os.path.dirname(os.path.abspath(__file__)))\nopen('width').close()")
    write("folder/width", "4")
    before = os.getcwd()  # noqa: PTH109
    assert minimum("folder/net.py:Net") == 5
    assert os.getcwd() == before  # noqa: PTH109


def test_methods_and_keywords(write: Write) -> None:
    write("net.py", NET + "    def encode(self, x, *, mask, lengths=None): return self.conv(x) * mask")
    assert minimum("net.py:Net", "f32[1, 4, T]", "mask=1.0", method="encode") == 5
    with pytest.raises(UsageError, match=r"--method encod: Net has no such method; it has encode, forward"):
        minimum("net.py:Net", method="encod")
    with pytest.raises(UsageError, match=r"missing a required argument: 'mask': Net.encode\(x, \*, mask, lengths=None"):
        minimum("net.py:Net", method="encode")
    with pytest.raises(UsageError, match=r"unexpected keyword argument 'y': Net.forward\(x\)"):
        minimum("net.py:Net", "f32[1, 4, T]", "y=1")
    with pytest.raises(UsageError, match=r"cannot give the keyword-only input lengths: it has the name"):
        minimum("net.py:Net", "f32[1, 4, T]", "mask=1", "lengths=2", method="encode")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("broken", "looking up broken failed: net.py, line 10: RuntimeError: no"),
        ("later", "Net.later is a generator or a coroutine: a call alone runs nothing of it"),
        ("some_day", "Net.some_day is a generator or a coroutine: a call alone runs nothing of it"),
    ],
)
def test_methods_that_cannot_be_called(method: str, message: str, write: Write) -> None:
    broken = "    @property\n    def broken(self): raise RuntimeError('no')\n"
    write("net.py", NET + broken + "    def later(self, x): yield x\n    async def some_day(self, x): return x\n")
    with pytest.raises(UsageError) as caught:
        minimum("net.py:Net", method=method)
    assert str(caught.value) == f"net.py:Net: {message}"


def test_a_module_that_is_not_begun(write: Write) -> None:
    write("net.py", "from torch import nn\nclass Net(nn.Module):\n    def __init__(self): pass")
    assert refused("net.py:Net") == "net.py:Net: the __init__ of Net does not call super().__init__()"


def test_an_input_with_the_name_of_an_option(write: Write) -> None:
    write("net.py", NET.replace("(self, x)", "(self, x, scale=1, lengths=None, train=False)"))
    assert minimum("net.py:Net", "f32[1, 4, T]", "lengths=i64[1] = T", "train=True") == 5


def test_a_decorator_that_gives_an_argument(write: Write) -> None:
    decorated = """
import functools
def with_state(function):
    @functools.wraps(function)
    def call(self, x): return function(self, x, state=1)
    return call
class Wrapped(Net):
    forward = with_state(lambda self, x, state: self.conv(x))
"""
    write("net.py", NET + decorated)
    assert minimum("net.py:Wrapped") == 5


def test_inputs_inside_of_others(write: Write) -> None:
    write("net.py", NET.replace("return self.conv(x)", "return self.conv(x['a'][0]) * x['b'][1]"))
    assert minimum("net.py:Net", "{'a': ['f32[1, 4, T]'], 'b': (1, 2.0)}") == 5


def wanted(text: str, method: str = "forward") -> list[str]:
    target = Target.parse(text)
    with target.code.visit():
        module = built(target.build)
        return target.inputs_wanted(module, method, " --method x" if method != "forward" else "").splitlines()


@pytest.mark.parametrize(
    ("signature", "line"),
    [
        ("x, speed=1.0", "'f32[1, 4, T]'"),
        ("x, lengths, mask", "'f32[1, 4, T]' 'i64[1] = T' 'b8[1, T]'"),
        ("x: 'torch.Tensor', speed: float, number: int, *, y: bool", "'f32[1, 4, T]' 1.0 1 y=False"),
        ("*args", "'f32[1, 4, T]'"),
        ("*, x", "'x=f32[1, 4, T]'"),
        ("x=None", "'f32[1, 4, T]'"),
    ],
)
def test_what_to_start_from(signature: str, line: str, write: Write) -> None:
    write("my net.py", NET.replace("(self, x)", f"(self, {signature})"))
    said = wanted("my net.py:Net")
    assert said[0].startswith("my net.py:Net: give an input for each argument of Net.forward(")
    assert said[1:] == [f"to start from: shapecheck module 'my net.py:Net' {line}"]


def test_without_anything_to_give(write: Write) -> None:
    write("net.py", NET.replace("(self, x)", "(self)"))
    assert wanted("net.py:Net") == ["net.py:Net: Net.forward() takes no input: there is no length to analyze"]
