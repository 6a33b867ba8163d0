"""The registry: which plugins are installed, what they supply, and what a name refers to.

Nothing here imports torch or pydantic, and only `load_target` imports the code of a component.
"""

from mmzoo.registry.index import Catalog, catalog
from mmzoo.registry.plugins import PluginRecord
from mmzoo.registry.targets import load_target

__all__ = ["Catalog", "PluginRecord", "catalog", "load_target"]
