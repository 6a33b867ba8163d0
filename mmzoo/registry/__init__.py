"""Names to specs: which plugins there are, what they supply, and what a name stands for.

Nothing here imports torch, pydantic or the code of a component; `load_target` does the latter for one spec.
"""

from mmzoo.registry.index import Catalog, catalog
from mmzoo.registry.plugins import PluginRecord
from mmzoo.registry.targets import load_target

__all__ = ["Catalog", "PluginRecord", "catalog", "load_target"]
