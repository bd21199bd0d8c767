"""The lines of a recording: how a boot's events and port calls are written as JSON, and read again.

A recording is JSON, an object a line, compressed by gzip; `is` says what a line tells:

- `header`: who recorded what: versions, machine, engine, trap, options, the host. The first line of each run.
- `boot`: a firmware was made: what it was given, what it read and asked, and the tree that came of it.
- `call`: a client call, whole, when it returned. Calls that callbacks made meanwhile stand in its port calls.
- `phase`, `out`, `in`, `tree`, `injected`, `restored`, `end`: what happened between.

Bytes are strings with a character for each (Latin-1); what is long is told by its length, a digest and its beginning.
A tool that appends to a file adds a gzip member. What a process that died had not written is missing, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vof.events import (
    ClientReturn,
    ConsoleInput,
    ConsoleOutput,
    Event,
    Injected,
    OsiCall,
    Phase,
    TreeReplaced,
    Written,
)
from vof.trace.data import GIVEN, HEAD, digest_of, written
from vof.tree import DeviceTree, Node

__all__ = [
    "VERSION",
    "Line",
    "call_line",
    "data_of",
    "event_line",
    "event_of",
    "flat_tree",
    "port_value",
    "shortened",
    "tree_of",
    "written_value",
]

VERSION = 1
Line = dict[str, Any]

_WHOLE = 64
"""Bytes that go to or come from a port which are written out: a disk's contents are not a recording's business."""
_NONE: Mapping[Any, Any] = {}


def call_line(event: ClientReturn) -> Line:
    """A call without what it asked of memory and ports; what has its usual value is left out."""
    line: Line = {
        "is": "call",
        "service": event.service,
        "us": [event.started // 1000, event.duration // 100 / 10],
        "block": event.block,
        "args": event.arguments,
    }
    if event.results:
        line["results"] = event.results
    if event.status:
        line["status"] = event.status
    for name in ("fault", "depth", "outcome", "hook"):
        value = getattr(event, name)
        if value:
            line[name] = value
    if event.texts:
        line["texts"] = [*event.texts.items()]
    return line


def event_line(event: Event) -> Line | None:
    """Any other event; None for one that a recording doesn't hold."""
    if isinstance(event, ConsoleOutput | ConsoleInput):
        what = "out" if isinstance(event, ConsoleOutput) else "in"
        return {"is": what, "at": event.at // 1000, "data": event.data.decode("latin-1")}
    if isinstance(event, Phase):
        return {"is": "phase", "name": event.name, "seconds": round(event.seconds, 6), "detail": event.detail}
    if isinstance(event, TreeReplaced):
        return {"is": "tree", "nodes": event.nodes}
    if isinstance(event, Injected):
        return {"is": "injected", "at": event.at // 1000, "fault": event.fault, "what": event.what}
    if isinstance(event, OsiCall):
        line = {"is": "osi", "at": event.at // 1000, "selector": event.selector, "name": event.name}
        line |= {"args": event.arguments, "results": event.results}
        return line | {name: getattr(event, name) for name in ("fault", "outcome") if getattr(event, name)}
    return None


def event_of(
    line: Line, paths: Mapping[int, str] = _NONE, *, phase: str = "", engine: str = "", trap: str = ""
) -> Event | None:
    """The event that a line tells; None if it is another kind of line.

    Args:
        line: the line.
        paths: the path of each handle that is known.
        phase, engine, trap: what the line leaves to others to say.
    """
    kind = line["is"]
    if kind == "call":
        started, took = line["us"]
        started *= 1000
        arguments = tuple(line["args"])
        results = tuple(line.get("results", ()))
        service = line["service"]
        return ClientReturn(
            service,
            arguments,
            results,
            line.get("status", 0),
            line.get("fault", ""),
            line.get("depth", 0),
            line["block"],
            line.get("outcome", ""),
            line.get("hook", ""),
            dict(line["texts"]) if "texts" in line else _NONE,
            paths,
            tuple([_written(*write) for write in line["wrote"]]) if "wrote" in line else (),
            started,
            line["clock"] * 1000 if "clock" in line else started,
            phase,
            int(took * 1000),
            engine,
            trap,
            _given(arguments, GIVEN[service], line["reads"]) if service in GIVEN else None,
        )
    if kind == "out":
        return ConsoleOutput(line["data"].encode("latin-1"), line["at"] * 1000)
    if kind == "in":
        return ConsoleInput(line["data"].encode("latin-1"), line["at"] * 1000)
    if kind == "phase":
        return Phase(line["name"], line["seconds"], line["detail"])
    if kind == "tree":
        return TreeReplaced(line["nodes"])
    if kind == "injected":
        return Injected(line["fault"], line["what"], line["at"] * 1000)
    if kind == "osi":
        arguments, results = tuple(line["args"]), tuple(line["results"])
        fault, outcome = line.get("fault", ""), line.get("outcome", "")
        return OsiCall(line["selector"], line["name"], arguments, results, fault, outcome, line["at"] * 1000)
    return None


def shortened(data: bytes, limit: int) -> Any:
    """Data as a recording holds it: itself, or what tells it apart where it has more than `limit` bytes."""
    if len(data) <= limit:
        return data.decode("latin-1")
    return {"bulk": len(data), "digest": digest_of(data), "head": data[:HEAD].decode("latin-1")}


def port_value(value: Any) -> Any:
    """What a port was asked or answered, as a recording holds it. Of what is long, only what tells it apart.

    Args:
        value: a cell, bytes, text, an `Access`, nothing, or a tuple or list of these; data that has a `digest` already
            is known by that.
    """
    if isinstance(value, bytes | bytearray):
        digest = getattr(value, "digest", None)
        return shortened(bytes(value), _WHOLE) if digest is None else {"bulk": len(value), "digest": digest}
    if isinstance(value, tuple | list):
        return [port_value(each) for each in value]
    if isinstance(value, str):
        return {"text": value}
    if value is None or isinstance(value, int):
        return value
    return [int(value.op), value.address, value.width, value.value]


def data_of(value: Any) -> bytes:
    """Data again; of shortened data, the beginning.

    Args:
        value: what `shortened` made, or a list of cells.
    """
    if isinstance(value, str):
        return value.encode("latin-1")
    if isinstance(value, dict):
        text: str = value["z"] + "\0" if "z" in value else value["whole"] if "whole" in value else value["head"]
        return text.encode("latin-1")
    return b"".join([cell.to_bytes(4, "big") for cell in value])


def flat_tree(tree: DeviceTree) -> list[Any]:
    """A tree as nested lists: name, phandle, properties by name, children."""
    return _flat(tree.root)


def tree_of(flat: list[Any]) -> DeviceTree:
    """The tree again that `flat_tree` made lists of. Its handles are as they were."""
    name, phandle, properties, children = flat
    tree = DeviceTree(Node(name, _properties(properties), phandle))
    waiting = [(tree.root.path, child) for child in children]
    while waiting:
        above, (name, phandle, properties, children) = waiting.pop(0)
        node = tree.add(above, name, _properties(properties), phandle=phandle)
        waiting += [(node.path, child) for child in children]
    return tree


def _properties(properties: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode("latin-1") for name, value in properties.items()}


def _flat(node: Node) -> list[Any]:
    properties = {name: value.decode("latin-1") for name, value in node.properties.items()}
    return [node.name, node.phandle, properties, [_flat(child) for child in node.children]]


def _given(arguments: Sequence[int], place: int, reads: Sequence[Any]) -> Written | None:
    """What a call read at the address that is its argument of this place."""
    if place >= len(arguments):
        return None
    wanted = arguments[place]
    for address, value in reads[1:]:  # the first is the argument block
        if address == wanted:
            return _written(address, value)
    return None


def _written(address: int, value: Any) -> Written:
    if type(value) is str and len(value) <= HEAD:
        return Written(address, len(value), value.encode("latin-1"))
    if isinstance(value, dict) and "bulk" in value:
        return Written(address, value["bulk"], data_of(value), value["digest"])
    return written(address, data_of(value))


def written_value(write: Written) -> Sequence[Any]:
    """What a line holds of a write."""
    head = write.head.decode("latin-1")
    return write.address, {"bulk": write.size, "digest": write.digest, "head": head} if write.digest else head
