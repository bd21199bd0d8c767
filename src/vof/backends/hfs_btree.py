"""Piecess and B-trees of HFS and HFS+: the same in both but for the width of a key's length (TN1150, "B-Trees")."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from vof.backends.volume_source import Pieces
from vof.errors import PortError

__all__ = ["BTree"]

_LEAF = 0xFF
_INDEX = 0
_MOST_LEVELS = 16
_NODES_KEPT = 256
_DESCRIPTOR = struct.Struct(">IIBBH2x")


@dataclass(frozen=True, slots=True)
class _Node:
    forward: int
    kind: int
    records: list[bytes]


class BTree:
    """A B-tree, read from the top.

    Args:
        fork: the file that it is.
        key_length: the bytes of a key's own length: 1 in HFS, 2 in HFS+.
    """

    def __init__(self, fork: Pieces, key_length: int) -> None:
        self._fork = fork
        self._key_length = key_length
        self._kept: dict[int, _Node] = {}
        header = fork.read(0, 50)
        if len(header) < 50:
            raise PortError("a B-tree of the volume is damaged: it has no header")
        self._root, self._node_size = struct.unpack_from(">I12xH", header, 16)
        if self._node_size < 512 or self._node_size & (self._node_size - 1):
            raise PortError(f"a B-tree of the volume is damaged: nodes of {self._node_size} bytes")

    def records(self, before: Callable[[bytes], bool]) -> Iterator[tuple[bytes, bytes]]:
        """Keys (without their length) and records of the leaves, in order, from the first that isn't `before`.

        Args:
            before: whether a key comes before what is looked for; true up to some key and false from there on.
        """
        number = self._root
        for _ in range(_MOST_LEVELS):
            if not number:
                return  # an empty tree
            node = self._node(number)
            if node.kind == _LEAF:
                break
            if node.kind != _INDEX:
                raise _damaged(number)
            child = None
            for record in node.records:
                key, data = self._halves(record)
                if child is not None and not before(key):
                    break
                child = int.from_bytes(data[:4], "big")
            if child is None:
                raise _damaged(number)
            number = child
        else:
            raise PortError("a B-tree of the volume is damaged: it has no leaves")
        yield from self._leaves(number, before)

    def _leaves(self, number: int, before: Callable[[bytes], bool]) -> Iterator[tuple[bytes, bytes]]:
        seen = set()
        reached = False
        while number:
            if number in seen:
                raise PortError("a B-tree of the volume is damaged: its leaves go in a circle")
            seen.add(number)
            node = self._node(number)
            if node.kind != _LEAF:
                raise _damaged(number)
            for record in node.records:
                key, data = self._halves(record)
                reached = reached or not before(key)
                if reached:
                    yield key, data
            number = node.forward

    def _halves(self, record: bytes) -> tuple[bytes, bytes]:
        """Key and data of a record; the data begins at an even offset."""
        begin = self._key_length
        end = begin + int.from_bytes(record[:begin], "big")
        return record[begin:end], record[end + end % 2 :]

    def _node(self, number: int) -> _Node:
        node = self._kept.get(number)
        if node is None:
            data = self._fork.read(number * self._node_size, self._node_size)
            if len(data) < self._node_size:
                raise _damaged(number)
            forward, _, kind, _, count = _DESCRIPTOR.unpack_from(data)
            if 2 * (count + 1) > self._node_size - _DESCRIPTOR.size:
                raise _damaged(number)
            # The records' offsets stand at the node's end, the first one last, and one more for where they end.
            offsets = struct.unpack_from(f">{count + 1}H", data, self._node_size - 2 * (count + 1))[::-1]
            records = [data[start:end] for start, end in pairwise(offsets)]
            if len(self._kept) >= _NODES_KEPT:
                self._kept.clear()
            node = self._kept[number] = _Node(forward, kind, records)
        return node


def _damaged(number: int) -> PortError:
    return PortError(f"a B-tree of the volume is damaged: node {number} is none")
