"""From recipes to models: names and settings are checked, ports compared, modules built, weights loaded."""

from mmzoo.composition.build import build, build_part, compose, initialise, own_tensors, submodels
from mmzoo.composition.load import TensorFile, load_weights
from mmzoo.composition.model_config import ModelConfig, read_config
from mmzoo.composition.plan import Part, Plan, ResolveModel, SubModel, make_part, make_plan
from mmzoo.composition.save import save_model

__all__ = [
    "ModelConfig",
    "Part",
    "Plan",
    "ResolveModel",
    "SubModel",
    "TensorFile",
    "build",
    "build_part",
    "compose",
    "initialise",
    "load_weights",
    "make_part",
    "make_plan",
    "own_tensors",
    "read_config",
    "save_model",
    "submodels",
]
