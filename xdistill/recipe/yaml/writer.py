"""Plain data to YAML that reads back as the same data."""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from xdistill.recipe.yaml.scalars import resolve_plain

_WIDTH = 100


def write_yaml(tree: Any) -> str:
    """Plain data (dictionaries, lists, scalars) as YAML; short lists of scalars stay on one line."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the stubs know only None
    yaml.allow_unicode = True
    yaml.width = _WIDTH
    stream = StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    def ignore_aliases(self, data: Any) -> bool:
        """Values that happen to be one object are written out each time."""
        del data
        return True

    def represent_str(self, data: str) -> ScalarNode:
        """Text in quotes wherever it would be read as something else."""
        quoted = not data.isprintable() or not isinstance(resolve_plain(data), str)
        return self.represent_scalar("tag:yaml.org,2002:str", data, style='"' if quoted else None)

    def represent_list(self, data: list[Any]) -> SequenceNode:
        """Lists of scalars in brackets, other lists an item a line."""
        flow = all(item is None or isinstance(item, (str, int, float)) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)


_Representer.add_representer(str, _Representer.represent_str)
_Representer.add_representer(list, _Representer.represent_list)
_Representer.add_representer(tuple, _Representer.represent_list)
