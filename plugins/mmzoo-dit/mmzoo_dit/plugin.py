"""What this plugin registers; nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmzoo import hookimpl

if TYPE_CHECKING:
    from mmzoo.hookspecs import Register

mmzoo_api_version = 1


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The backbone and the samplers."""
    register.backbone(
        "dit",
        "mmzoo_dit.backbone:DiT",
        summary="Diffusion transformer: adaLN-zero, rotary positions in 1-D or 2-D, conditions of all kinds",
        modalities=("speech", "image", "text"),
        trials=[
            {"width": 32, "depth": 2, "heads": 2, "in_channels": 6},
            {
                "width": 32,
                "depth": 2,
                "heads": 2,
                "in_channels": 6,
                "vector_channels": {"voice": 5},
                "aligned_channels": {"text": 7},
                "sequence_channels": {"caption": 9},
                "conv_position": 3,
                "shared_modulation": True,
            },
            {"width": 32, "depth": 1, "heads": 2, "in_channels": 6, "position": "rope-2d", "step_size": True},
        ],
    )
    register.backbone(
        "joint-dit",
        "mmzoo_dit.joint:JointDiT",
        summary="Diffusion transformer over several streams: joint attention, a time for each, any given or absent",
        modalities=("speech", "image", "text"),
        trials=[
            {"channels": {"speech": 6}, "width": 32, "depth": 2, "heads": 2},
            {"channels": {"speech": 6}, "width": 32, "depth": 1, "heads": 2, "step_size": True},
        ],
    )
    register.sampler(
        "euler",
        "mmzoo_dit.flow:Euler",
        summary="Flow matching, first order: one evaluation per step",
        trials=[{}, {"shift": 3.0, "training_times": "logit-normal"}],
    )
    register.sampler(
        "heun",
        "mmzoo_dit.flow:Heun",
        summary="Flow matching, second order: two evaluations per step",
        trials=[{"sway": -1.0}],
    )
    register.sampler(
        "shortcut",
        "mmzoo_dit.few_steps:Shortcut",
        summary="Shortcut models: flow matching for one or a few steps, by self-consistency",
        trials=[{}, {"fraction": 1.0, "finest": 4}],
    )
    register.sampler(
        "meanflow",
        "mmzoo_dit.few_steps:MeanFlow",
        summary="MeanFlow: flow matching for one or a few steps, by the derivative of the network",
        trials=[{}, {"fraction": 1.0, "power": 0.5}],
    )
    register.sampler("ddim", "mmzoo_dit.diffusion:DDIM", summary="Deterministic DDIM, circular or straight path")
    register.sampler(
        "dpm-solver",
        "mmzoo_dit.diffusion:DPMSolver",
        summary="DPM-Solver++ (2M): second order with one evaluation per step, circular or straight path",
    )
