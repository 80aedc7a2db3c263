"""Programs in which the fuzzer once found a difference between the analyzer and eager, shrunk; one test each."""

from __future__ import annotations

import gc
from textwrap import dedent

import shapecheck
from shapecheck.tracer import Tracer
from tests.fuzz.compare import compare
from tests.fuzz.programs import HEADER, build
from tests.hanging import limited


def agrees(source: str, *specs: str) -> None:
    """Verdicts, conv lengths and messages are those of eager, and no length is left open."""
    found = compare(HEADER + dedent(source), specs)
    assert (found.kind, found.text, found.unknown, found.reasons) == ("", "", 0, ())


SCRIPTED = """
    @torch.jit.script
    def doubled(x: torch.Tensor) -> torch.Tensor:
        return x.mul_(2)  # changes its argument: PyTorch executes the module that calls it

    class Program(nn.Module):
        def __init__(self):
            super().__init__()
            self.before = nn.Conv1d(4, 4, 3)
            self.after = nn.Conv1d(4, 4, 3)
        def forward(self, x):
            if x.shape[-1] > 20:
                return self.before(x)
            return self.after(doubled(self.before(x)))
"""


def test_layers_of_a_module_that_is_executed_as_a_whole() -> None:
    """Their calls are not followed; the rows do not say that they are not called."""
    agrees(SCRIPTED, "f32[1, 4, T]")
    report = shapecheck.analyze(build(HEADER + dedent(SCRIPTED)), "f32[1, 4, T]", lengths=(1, 30))
    rows = [(row.name, row.input_length) for row in report.layers if row.is_conv]
    assert rows == [("before", "not followed"), ("after", "not followed")]


def test_a_scripted_function_is_one_operation() -> None:
    """It reaches torch's dispatcher, but the module that calls it is followed nevertheless."""
    source = """
        @torch.jit.script
        def trimmed(x: torch.Tensor, k: int) -> torch.Tensor:
            return x[..., : x.size(-1) - k] if x.size(-1) > 10 else x

        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.before = nn.Conv1d(4, 4, 3)
                self.after = nn.Conv1d(4, 4, 3)
            def forward(self, x, n):
                x = self.before(x)
                x = self.after(trimmed(x, x.shape[-1] // 4))
                return x * (torch.arange(x.shape[-1])[None] < n[:, None])
    """
    inputs = "f32[1, 4, T]", "i64[1] = T"
    agrees(source, *inputs)
    report = shapecheck.analyze(build(HEADER + dedent(source)), *inputs, lengths=(1, 30))
    assert next(row.input_length for row in report.layers if row.is_conv) == "T"


def test_an_empty_transposed_convolution_that_meta_alone_refuses() -> None:
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.ConvTranspose1d(4, 4, 4, stride=2, padding=2, groups=2)
            def forward(self, x):
                return torch.cat([self.layer(x), x], -1)
        """,
        "f32[1, 4, T]",
    )


def test_operations_that_look_at_no_layout_get_one_that_the_backend_decides() -> None:
    """Of an attention's output and of a convolution of a permuted signal; operations without a rule of their own."""
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv1d(4, 4, 3)
            def forward(self, x):
                x = F.scaled_dot_product_attention(x, x, x)
                y = self.layer(x.transpose(1, 2)[..., :7] if x.shape[1] % 3 else x.reshape(1, -1, 4).transpose(1, 2))
                y = F.interpolate(torch.diff(y), scale_factor=1.5, mode="linear")
                return sum(part.sum() for part in torch.tensor_split(F.pad(x, (1, 1), mode="reflect"), 3, dim=1)) + y
        """,
        "f32[1, T, 4]",
    )


def test_what_a_layer_needs_where_another_argument_holds_sizes() -> None:
    agrees(
        """
        class Program(nn.Module):
            def forward(self, x):
                x = x.unfold(-1, x.shape[-1] // 2, 1)
                if int(x.shape[-2] * 0.75) % 2:
                    x = x.index_select(-2, torch.tensor([0, x.shape[-2] // 1, x.shape[-2] - 1, 2]))
                return x
        """,
        "f32[1, 3, T]",
    )


def test_a_packed_sequence_of_a_wrong_width_is_left_open() -> None:
    """The CPU's LSTM takes some, and does not look at their width."""
    source = """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.LSTM(1, 1)
            def forward(self, x, n):
                return self.layer(nn.utils.rnn.pack_padded_sequence(x.mT, n))[0].data
    """
    found = compare(HEADER + dedent(source), ("f32[1, 2T + 1, 1]", "i64[1] = max(T - 3, 1)"))
    assert (found.kind, found.text) == ("", "")
    assert [reason.partition(": ")[2] for reason in found.reasons] == [
        "some kernels take a packed sequence of a wrong width"
    ]


def test_a_layer_that_refuses_every_size_is_not_tried_with_thousands() -> None:
    module = build(
        HEADER
        + dedent("""
        class Program(nn.Module):
            def forward(self, x):
                return F.interpolate(x[:, :, :0], scale_factor=(1, 1.5), mode="bicubic")
    """)
    )
    with limited(30):
        report = shapecheck.analyze(module, "f32[1, 1, 2, T]", lengths=(1, 16))
    assert not report.valid
    assert not report.unknown


def test_what_a_layer_refuses_is_its_own_even_where_code_catches_it() -> None:
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv1d(4, 4, 5)
            def forward(self, x):
                try:
                    x = self.layer(x)
                except RuntimeError:
                    x = x * 2
                return x
        """,
        "f32[1, 4, T]",
    )


def test_a_shape_as_the_message_of_an_assertion() -> None:
    agrees(
        """
        class Program(nn.Module):
            def forward(self, x):
                assert x.shape[-1] > 8, x.shape
                assert x.shape[-1] % 2, (x.size(-1), [x.shape[1:], "odd"])
                return x
        """,
        "f32[1, 4, T + 1]",
    )


def test_a_recurrent_layer_refuses_a_packed_sequence_of_another_rank() -> None:
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.GRU(1, 1)
            def forward(self, x, n):
                return self.layer(nn.utils.rnn.pack_padded_sequence(x, n, enforce_sorted=False))[0]
        """,
        "f32[1, T]",
        "i64[1] = max(T - 1, 1)",
    )


def test_copies_of_a_recurrent_layer_outlive_the_path_that_made_them() -> None:
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.GRU(4, 1)
            def forward(self, x):
                x = x[:, x.shape[1] // 4 - 1:][:, : x.shape[1] % 4] if x.shape[1] % 3 else x[:, 5:]
                return self.layer(x)[0]
        """,
        "f32[T // 2, T, 4]",
    )


def test_lengths_of_one_row_belong_to_one_axis() -> None:
    """On one path of the lengths another axis varies than on the next one."""
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv2d(1, 1, (1, 1))
            def forward(self, x):
                return self.layer(torch.stack(x.split(3, -2)).sum(0))
        """,
        "f32[2, 1, T + 2, 4]",
    )


def test_calls_of_one_layer_are_in_the_order_of_execution() -> None:
    agrees(
        """
        class Pieces(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv1d(4, 4, 2)
            def forward(self, x):
                for piece in x.split(37, dim=-1):
                    x = self.layer(piece)
                return x, x.shape[-1] > 20

        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.pieces = Pieces()
            def forward(self, x):
                x, is_long = self.pieces(x)
                return self.pieces(F.pad(x, (1, 1)))
        """,
        "f32[1, 4, T + 2]",
    )


def test_a_module_that_is_executed_as_a_whole_refuses_what_the_cpu_refuses() -> None:
    """The meta kernel of index_select looks at no index."""
    agrees(
        """
        @torch.jit.script
        def doubled(x: torch.Tensor) -> torch.Tensor:
            return x * 2

        class Program(nn.Module):
            def forward(self, x):
                return doubled(x).index_select(-1, torch.tensor([0, 5]))
        """,
        "f32[1, 4, T]",
    )


def test_a_branch_after_an_operation_whose_refusal_was_caught() -> None:
    agrees(
        """
        class Program(nn.Module):
            def forward(self, x):
                try:
                    x = sum(x.chunk(2, -1))
                except (RuntimeError, ValueError):
                    x = x.cumsum(-1)
                    if x.size(-1) % 3:
                        x = x[..., 4:]
                return x.view(1, 4, -1, 3)
        """,
        "f32[1, 4, T]",
    )


def test_a_branch_after_a_caught_refusal_with_its_text() -> None:
    agrees(
        """
        class Program(nn.Module):
            def forward(self, x):
                try:
                    x = F.conv1d(x, torch.ones(4, 4, 8))
                except RuntimeError as error:
                    x = F.pad(x, (0, 2))
                    if x.size(-1) % 3:
                        raise ValueError(f"{x.shape[-1]}: {error}") from error
                return x
        """,
        "f32[1, 4, T]",
    )


def test_an_error_does_not_need_the_layout_of_a_convolution() -> None:
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv1d(3, 3, 2)
            def forward(self, x):
                y = self.layer(x.transpose(1, 2))
                return F.avg_pool1d(y, 3) + torch.ones(5)
        """,
        "f32[2, T, 3]",
    )


def test_a_transposed_convolution_refuses_an_empty_input() -> None:
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.ConvTranspose1d(1, 1, 1)
            def forward(self, x):
                return self.layer(x)
        """,
        "f32[1, 1, T//2]",
    )


def test_a_convolution_of_a_slice_is_contiguous() -> None:
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv1d(4, 4, 2)
            def forward(self, x):
                return self.layer(x[..., 1 : x.shape[-1] // 2]).view(2, -1, 3)
        """,
        "f32[2, 4, T]",
    )


def test_a_transposed_convolution_with_an_empty_result() -> None:
    agrees(
        """
        class Program(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.ConvTranspose2d(1, 1, (1, 1), stride=(1, 2), padding=(0, 1), output_padding=(0, 1))
            def forward(self, x):
                return self.layer(x)
        """,
        "f32[1, 1, 1, T//2]",
    )


def test_one_operation_raises_errors_of_two_classes() -> None:
    """`narrow` raises an IndexError where the start is out of range, and a RuntimeError where only the end is."""
    agrees(
        """
        class Program(nn.Module):
            def forward(self, x):
                try:
                    x = x.narrow(-1, 2, 3)
                except RuntimeError as error:
                    return error
                return x
        """,
        "f32[1, 2, T]",
    )


def test_an_analysis_leaves_nothing_behind() -> None:
    """Known values of integers are held by NumPy, which the garbage collector does not look into."""
    module = build(
        HEADER
        + dedent("""
        class Program(nn.Module):
            def forward(self, n):
                return n + 1
    """)
    )

    def tracers() -> int:
        gc.collect()
        return sum(type(thing) is Tracer for thing in gc.get_objects())

    before = tracers()
    shapecheck.analyze(module, "i64[1] = T", lengths=(1, 8))
    assert tracers() == before
