"""Read a graph's description in JSON: each piece of it must be what torch.export writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....errors import FormatError
from ...reading.archive import Archive
from ...reading.jsontext import read_object
from ...reading.limits import MOST_LAYERS, MOST_NAME, MOST_TEXT, check_count


def object_in(found: Archive, member: str) -> dict[str, Any]:
    """The object that a member of an archive holds as JSON."""
    check_count(found.size(member), MOST_TEXT, f"bytes in {member:.200}")
    return read_object(found.read(member), member[:200])


def keys_of(module: Mapping[str, Any]) -> list[str]:
    """The keys of the dict of tensors that a program returns, in order; empty where it returns anything else."""
    calls = module.get("module_call_graph")
    signature = calls[0].get("signature") if isinstance(calls, list) and calls and isinstance(calls[0], dict) else None
    written = signature.get("out_spec") if isinstance(signature, dict) else None
    spec = _parsed(written)
    _, tree = spec if isinstance(spec, list) and len(spec) == 2 else (None, None)
    if not isinstance(tree, dict) or tree.get("type") not in DICTS:
        return []
    keys = _parsed(tree.get("context"))
    return keys if isinstance(keys, list) and all(isinstance(key, str) and len(key) < MOST_NAME for key in keys) else []


DICTS = ("builtins.dict", "collections.OrderedDict")


def _parsed(text: Any) -> Any:
    """What a text that stands in the file holds as JSON."""
    return read_object(f'{{"value": {text}}}', "the form of its outputs").get("value") if isinstance(text, str) else None


def only(described: Any, what: str) -> tuple[str, Mapping[str, Any]]:
    """The kind and the contents of a description, which must be an object with one entry."""
    if not isinstance(described, dict) or len(described) != 1:
        raise FormatError(f"{what} of its graph is not of one kind; the file is damaged")
    ((kind, spec),) = described.items()
    return kind, as_dict(spec)


def argument_of(spec: Mapping[str, Any], key: str = "arg") -> Mapping[str, Any]:
    return as_dict(spec.get(key))


def name_of(described: Any) -> str:
    """The name in the description of a value; it may stand one level deeper."""
    found = described
    for _ in range(3):
        if isinstance(found, dict) and len(found) == 1 and not isinstance(next(iter(found.values())), str):
            found = next(iter(found.values()))
    for key in ("name", "as_name"):
        if isinstance(found, dict) and isinstance(found.get(key), str):
            return str(found[key])
    raise FormatError("a value of its graph has no name; the file is damaged")


def has_name(described: Any) -> bool:
    try:
        return bool(name_of(described))
    except FormatError:
        return False


def dict_of(described: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = described.get(key)
    if not isinstance(found, dict):
        raise FormatError(f"its description has no {key!r:.80}; the file is damaged")
    return found


def as_dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError("its graph has a list or a number where a description should be; the file is damaged")
    return value


def list_of(described: Mapping[str, Any], key: str, most: int) -> list[Any]:
    found = described.get(key)
    if not isinstance(found, list):
        raise FormatError(f"its description has no list {key!r:.80}; the file is damaged")
    check_count(len(found), most, f"entries in {key}")
    return found


def items_of(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError("an argument of a node is no list where one should be; the file is damaged")
    check_count(len(value), MOST_LAYERS, "entries in an argument")
    return value


def text_of(described: Mapping[str, Any], key: str) -> str:
    found = described.get(key)
    if not isinstance(found, str):
        raise FormatError(f"its description has no text {key!r}; the file is damaged")
    return found
