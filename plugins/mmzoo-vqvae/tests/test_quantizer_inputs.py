"""Every quantizer in every dtype, and with every kind of bad input: vectors, masks, codes, configs."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from mmzoo_vqvae.losses import code_counts, code_perplexity, perplexity

import mmzoo
from mmzoo.errors import ConfigError, InputError

DIM = 8
CONFIGS: dict[str, dict[str, Any]] = {
    "vq": {"dim": DIM, "codebook_size": 16},
    "vq-groups": {"dim": DIM, "codebook_size": 16, "groups": 2},
    "vq-rotation": {"dim": DIM, "codebook_size": 16, "estimator": "rotation"},
    "rvq": {"dim": DIM, "codebook_size": 16, "levels": 3},
    "rvq-dropout": {"dim": DIM, "codebook_size": 16, "levels": 3, "dropout": 1.0},
    "fsq": {"levels": [4] * DIM},
    "fsq-projected": {"levels": [8, 5, 5, 5], "dim": DIM, "per_codebook": 2},
    "fsq-jitter": {"levels": [4] * DIM, "jitter": 0.5},
}
DTYPES = (torch.bfloat16, torch.float16, torch.float64)


def create(name: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    return mmzoo.create(f"quantizer/{name.partition('-')[0]}", **{**CONFIGS[name], **settings})


def drawn(count: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, count, DIM, generator=torch.Generator().manual_seed(seed))


def stepped(quantizer: Any, z: torch.Tensor, mask: torch.Tensor | None = None, seed: int = 0) -> tuple[Any, Any]:
    """One training step; the output and the gradient of z."""
    z = z.clone().requires_grad_()
    torch.manual_seed(seed)
    out = quantizer.train()(z, mask)
    (out.loss + out.z_q.float().square().mean()).backward()
    return out, z.grad


def state(quantizer: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}


def same_state(quantizer: Any, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in quantizer.state_dict().items())


@pytest.fixture(params=list(CONFIGS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["new", "trained"])
def learning(request: pytest.FixtureRequest, name: str) -> Any:
    """A quantizer in training mode, before its codebooks are initialized and after a few steps."""
    quantizer = create(name)
    for step in range(4 if request.param == "trained" else 0):
        stepped(quantizer, drawn(seed=step))
    return quantizer.train()


# --- dtypes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("how", ["to", "create"])
def test_training_in_any_dtype_equals_float32(name: str, how: str, dtype: torch.dtype) -> None:
    """Only the input and the linear layers are rounded: the codebooks and what is computed from them are float32."""
    exact = create(name)
    for parameter in exact.parameters():
        parameter.data = parameter.to(dtype).float()
    cast = create(name).to(dtype) if how == "to" else create(name, dtype=str(dtype).removeprefix("torch."))
    for step in range(4):
        z = drawn(seed=step).to(dtype)
        wanted, gradient = stepped(exact, z.float(), seed=step)
        out, half_gradient = stepped(cast, z, seed=step)
        assert torch.equal(out.codes, wanted.codes) and torch.equal(out.loss, wanted.loss)
        assert torch.equal(out.z_q, wanted.z_q) and half_gradient.dtype is dtype
        torch.testing.assert_close(half_gradient, gradient.to(dtype))
    buffers = dict(cast.named_buffers())
    assert all(b.dtype is torch.float32 for b in buffers.values() if b.is_floating_point())
    assert all(torch.equal(b, buffers[key]) for key, b in exact.named_buffers())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(name: str, dtype: torch.dtype) -> None:
    exact, cast = create(name), create(name)
    for step in range(3):
        wanted, _ = stepped(exact, drawn(seed=step), seed=step)
        with torch.autocast("cpu", dtype):
            out, _ = stepped(cast, drawn(seed=step), seed=step)
        assert torch.equal(out.codes, wanted.codes) and torch.equal(out.z_q, wanted.z_q)
    assert same_state(cast, state(exact))


def test_counts_survive_a_cast_there_and_back(name: str) -> None:
    quantizer = create(name)
    stepped(quantizer, drawn())
    before = {key: b.clone() for key, b in quantizer.named_buffers()}
    back = quantizer.half().bfloat16().double().float()
    assert all(torch.equal(b, before[key]) for key, b in back.named_buffers())


# --- batches without vectors, and NaN ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "masked"), [((2, 5), True), ((2, 0), True), ((2, 0), False), ((0, 5), True), ((0, 5), False)]
)
def test_a_batch_without_vectors_is_skipped(learning: Any, shape: tuple[int, int], masked: bool) -> None:
    before = state(learning)
    mask = torch.zeros(shape, dtype=torch.bool) if masked else None
    out, gradient = stepped(learning, torch.zeros(*shape, DIM), mask)
    assert out.loss == 0 and out.usage.isfinite().all() and same_state(learning, before)
    assert out.codes.shape[:2] == shape and out.z_q.shape == (*shape, DIM)
    if shape == (2, 5):
        assert gradient.isfinite().all() and (out.codes == -1).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_a_bad_vector_is_left_out_of_training(learning: Any, bad: float) -> None:
    z = drawn()
    mask = torch.ones(2, 40, dtype=torch.bool)
    mask[1, 3] = False
    clean = copy.deepcopy(learning)
    wanted, _ = stepped(clean, z.masked_fill(~mask.unsqueeze(-1), 0.0), mask)
    z[1, 3, 2] = bad
    out, gradient = stepped(learning, z)
    assert out.loss.isfinite() and out.z_q.isfinite().all() and gradient.isfinite().all()
    assert torch.equal(out.codes, wanted.codes) and out.codes[1, 3].eq(-1).all()
    assert same_state(learning, state(clean))  # as if the vector were padding
    learning.eval().encode(drawn())


def test_padding_may_hold_anything(learning: Any) -> None:
    z, mask = drawn(), torch.arange(40).expand(2, 40) < torch.tensor([[40], [30]])
    clean = copy.deepcopy(learning)
    wanted, _ = stepped(clean, z, mask)
    out, _ = stepped(learning, z.masked_fill(~mask.unsqueeze(-1), float("nan")), mask)
    assert torch.equal(out.loss, wanted.loss) and torch.equal(out.codes, wanted.codes)
    assert same_state(learning, state(clean))
    z[1, 35] = float("nan")
    assert (learning.eval().encode(z, mask)[1, 30:] == -1).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_outside_training_a_bad_vector_is_an_error(name: str, bad: float) -> None:
    quantizer, z = create(name), drawn()
    z[1, 3, 2] = bad
    for verb in (quantizer.eval(), quantizer.encode, quantizer.train().encode):
        if verb is quantizer:
            quantizer.eval()
        with pytest.raises(InputError, match="NaN"):
            verb(z)


# --- shapes, masks and codes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "z",
    [
        pytest.param(torch.zeros(2, DIM, 5), id="channels-first"),
        pytest.param(torch.zeros(5, DIM), id="2-d"),
        pytest.param(torch.zeros(1, 2, 5, DIM), id="4-d"),
        pytest.param(torch.zeros(2, 5, DIM - 1), id="width"),
        pytest.param(torch.zeros(2, 5, DIM, dtype=torch.int64), id="integers"),
        pytest.param(torch.zeros(2, 5, DIM, dtype=torch.complex64), id="complex"),
        pytest.param(np.zeros((2, 5, DIM), np.float32), id="array"),
    ],
)
def test_vectors_of_another_shape_are_refused(name: str, z: Any) -> None:
    quantizer = create(name)
    for verb in (quantizer.encode, quantizer.eval().forward, quantizer.train().forward):
        with pytest.raises(InputError, match=rf"\[B, N, {DIM}\]"):
            verb(z)


@pytest.mark.parametrize(
    "mask",
    [
        torch.ones(2, 39, dtype=torch.bool),
        torch.ones(2, 40, 1, dtype=torch.bool),
        torch.ones(2, 40),
        torch.ones(2, 40, dtype=torch.int64),
        [[True] * 40] * 2,
    ],
)
def test_masks_of_another_shape_or_dtype_are_refused(name: str, mask: Any) -> None:
    quantizer = create(name)
    for verb in (quantizer.encode, quantizer.eval().forward, quantizer.train().forward):
        with pytest.raises(InputError, match=r"bool \[2, 40\]"):
            verb(drawn(), mask)


class Foreign:
    """An array of another library."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array


class Exchanged:
    """A tensor of another library."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, **options: Any) -> Any:
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.tensor.__dlpack_device__()


def every_form(codes: torch.Tensor) -> dict[str, Any]:
    array = codes.numpy()
    forms: dict[str, Any] = {
        str(dtype): codes.to(dtype)
        for dtype in (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16)
    }
    forms |= {f"numpy {kind}": array.astype(kind) for kind in ("i1", "<i4", ">i4", "u2", "u8")}
    frozen = array.copy()
    frozen.flags.writeable = False
    backwards = np.ascontiguousarray(array[:, ::-1])[:, ::-1]
    return forms | {
        "list": codes.tolist(),
        "tuple": tuple(codes.tolist()),
        "frozen": frozen,
        "strided": backwards,
        "foreign": Foreign(array),
        "dlpack": Exchanged(codes),
    }


def no_codes(codes: torch.Tensor, size: int) -> dict[str, Any]:
    padded = codes.clone()
    padded[0, -1] = -1
    return {
        "float": codes.float(),
        "array of floats": codes.numpy().astype(float),
        "half": codes.half(),
        "complex": codes.to(torch.complex64),
        "bool": codes > 1,
        "list of bools": (codes > 1).tolist(),
        "padding": padded,
        "too large": codes * 0 + size,
        "unsigned": np.full(codes.shape, 2**64 - 1, np.uint64),
        "2-d": codes[0],
        "4-d": codes[None],
        "wide": codes.repeat(1, 1, 9),
        "no codebook": codes[..., :0],
        "empty": codes[:, :0],
        "list without items": [],
        "ragged": [[[1, 2], [3]]],
        "objects": np.array([[[None]]]),
        "text": "codes",
        "nothing": None,
    }


def test_codes_come_in_every_form(name: str) -> None:
    quantizer = create(name)
    codes = torch.stack([torch.arange(6) % size for size in quantizer.codebook_sizes], -1).unsqueeze(0)
    exact = quantizer.decode(codes)
    for form, given in every_form(codes).items():
        assert torch.equal(quantizer.decode(given), exact), form


def test_anything_else_is_no_code(name: str) -> None:
    quantizer = create(name)
    codes = torch.zeros(1, 6, len(quantizer.codebook_sizes), dtype=torch.int64)
    for form, given in no_codes(codes, max(quantizer.codebook_sizes)).items():
        with pytest.raises(InputError, match=r"[Cc]odes"):
            quantizer.decode(given)
            pytest.fail(form)


@pytest.mark.parametrize("name", ["vqvae-speech", "vqvae-image", "vqvae-words"])
def test_tokenizers_take_codes_in_every_form(name: str) -> None:
    parts: dict[str, Any] = {
        "vqvae-speech": {"width": 16, "depth": 1, "latent_depth": 1, "decoder_width": 16, "decoder_depth": 1},
        "vqvae-image": {"widths": [8, 12], "depth": 1},
        "vqvae-words": {"width": 16, "depth": 1},
    }
    torch.manual_seed(0)
    model = mmzoo.create(
        name,
        pretrained=False,
        dim=6,
        encoder={"dim": 6, **parts[name]},
        quantizer={"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
    )
    codes = torch.arange(8).view(1, 4, 2)
    exact, latents = model.reconstruct(codes), model.embed_codes(codes)
    for form, given in every_form(codes).items():
        result = model.reconstruct(given)
        for field in ("samples", "pixels"):
            if hasattr(exact, field):
                assert np.array_equal(getattr(result, field), getattr(exact, field)), form
        assert model.modality != "text" or result == exact, form
        assert torch.equal(model.embed_codes(given), latents), form
    for form, given in {**no_codes(codes, 16), "two items": codes.repeat(2, 1, 1)}.items():
        with pytest.raises(InputError, match=r"[Cc]odes"):
            model.reconstruct(given)
            pytest.fail(form)


# --- k-means, large codebooks, configs -----------------------------------------------------------------


@pytest.mark.parametrize(
    "z",
    [
        pytest.param(torch.full((1, 1, DIM), 0.5), id="one"),
        pytest.param(drawn(3)[:1], id="three"),
        pytest.param(torch.ones(2, 20, DIM), id="duplicates"),
        pytest.param(torch.zeros(2, 20, DIM), id="zeros"),
        pytest.param(1e-20 * drawn(20), id="tiny"),
        pytest.param(1e15 * drawn(20), id="large"),
    ],
)
def test_codebooks_start_from_any_batch(name: str, z: torch.Tensor) -> None:
    quantizer = create(name).train()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            assert quantizer(z).loss.isfinite()
    assert all(b.isfinite().all() for b in quantizer.buffers())
    out = quantizer.eval()(z)
    torch.testing.assert_close(quantizer.decode(out.codes), out.z_q, atol=1e-5, rtol=1e-4)
    if name.startswith("vq") and z.shape[1] <= 3:  # a codebook holds more codes than that
        torch.testing.assert_close(out.z_q, z, atol=0.1, rtol=0)


def test_fsq_needs_no_memory_for_its_codebook() -> None:
    quantizer = mmzoo.create("quantizer/fsq", levels=[4] * 16).train()
    out = quantizer(torch.randn(2, 50, 16, generator=torch.Generator().manual_seed(0)))
    assert float(code_perplexity(out.codes)) == pytest.approx(100, rel=1e-4)  # all 100 differ
    assert float(out.usage) == pytest.approx(100 / 4**16)
    largest = mmzoo.create("quantizer/fsq", levels=[8] * 20)
    out = largest(torch.randn(1, 9, 20))
    torch.testing.assert_close(largest.decode(out.codes), out.z_q)


def test_perplexity_is_that_of_the_counts() -> None:
    codes = torch.randint(16, (2, 300, 3), generator=torch.Generator().manual_seed(0))
    codes[0, :20] = -1
    torch.testing.assert_close(code_perplexity(codes), perplexity(code_counts(codes, (16, 16, 16))))
    nothing = code_perplexity(torch.full((1, 4, 2), -1))
    assert nothing.shape == (2,) and nothing.isfinite().all()


BAD_CONFIGS: dict[str, dict[str, tuple[Any, ...]]] = {
    "vq": {
        "dim": (0, -1, True, 1.5, None),
        "codebook_size": (0, -1),
        "groups": (0, -1, 3, 16),
        "commitment": (-0.1, float("nan")),
        "decay": (2, -0.1),
        "revive_below": (-0.1, 2.0),
    },
    "rvq": {
        "dim": (0, -1),
        "codebook_size": (0, -1),
        "levels": (0, -1),
        "commitment": (-0.1,),
        "decay": (2, -0.1),
        "revive_below": (-0.1,),
        "dropout": (2, -0.1),
    },
    "fsq": {
        "levels": (0, [1], [], [0], [-3], [4.5], [8, 1], None, "8", [8] * 21, [8] * 400, [10**9]),
        "dim": (0, -1),
        "per_codebook": (0, -1, 3),
        "jitter": (2, -0.1),
    },
}


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in BAD_CONFIGS.items() for key in keys])
def test_a_bad_config_is_an_error_that_names_the_key(name: str, key: str) -> None:
    for value in BAD_CONFIGS[name][key]:
        with pytest.raises(ConfigError, match=rf"\b{key}\b") as told:
            mmzoo.create(f"quantizer/{name}", **{**CONFIGS[name], key: value})
        assert "cannot be built" not in str(told.value), value
