"""From resolved models to modules: check names and settings, compare ports, build modules, load weights."""

from mmzoo.composition.build import construct, construct_part, own_tensors, submodels
from mmzoo.composition.checking import check, compose
from mmzoo.composition.foreign import read_config
from mmzoo.composition.load import TensorFile, load_weights
from mmzoo.composition.plan import Part, Plan, make_part
from mmzoo.composition.save import save_model

__all__ = [
    "Part",
    "Plan",
    "TensorFile",
    "check",
    "compose",
    "construct",
    "construct_part",
    "load_weights",
    "make_part",
    "own_tensors",
    "read_config",
    "save_model",
    "submodels",
]
