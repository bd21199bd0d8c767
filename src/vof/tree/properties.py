"""The properties of one node: an ordered mapping from name to bytes, some of it computed on every read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar, overload

__all__ = ["Properties"]

T = TypeVar("T")


class _Computed:
    """A value that is asked for anew at every read."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[], bytes]) -> None:
        self.read = read


class Properties(MutableMapping[str, bytes]):
    """A node's properties, in the order in which they were made.

    Names are Latin-1 text, values are the bytes that the client program sees. Setting an existing property keeps its
    place. A property may be *computed* (see `compute`): its function is called at every read, so that `available` of
    `/memory` is always what the claim map says. Copied and pickled with whatever those functions refer to.

    Args:
        initial: names and values to begin with.
    """

    __slots__ = ("_following", "_values")

    def __init__(self, initial: Mapping[str, bytes] | None = None) -> None:
        self._values: dict[str, bytes | _Computed] = {}
        self._following: dict[str, str] | None = None
        if initial is not None:
            self.update(initial)

    @overload
    def get(self, name: str, /) -> bytes | None: ...
    @overload
    def get(self, name: str, /, default: bytes | T) -> bytes | T: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """The value of `name`, or `default`. `getprop` is most of what clients do: one look-up and one class test."""
        try:
            value: Any = self._values[name]
        except KeyError:
            return default
        return value if value.__class__ is bytes else value.read()

    def __getitem__(self, name: str) -> bytes:
        value = self._values[name]
        return value.read() if isinstance(value, _Computed) else value

    def __setitem__(self, name: str, value: bytes) -> None:
        self._put(name, value if value.__class__ is bytes else bytes(memoryview(value)))

    def __delitem__(self, name: str) -> None:
        del self._values[name]
        self._following = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        return f"Properties({dict(self)!r})"

    def compute(self, name: str, read: Callable[[], bytes]) -> None:
        """Make `name` a computed property: `read()` is called at every read. Assigning to it makes it plain again."""
        self._put(name, _Computed(read))

    def is_computed(self, name: str) -> bool:
        """Whether `name` exists and is computed: such a property isn't the client's to set."""
        return isinstance(self._values.get(name), _Computed)

    def following(self, name: str) -> str | None:
        """The name of the property after `name`, None after the last; the first one after "" (1275 §6.3.2.2 nextprop).

        Constant time, but for the first call after a removal.

        Raises:
            KeyError: there is no property `name`.
        """
        if self._following is None:
            names = list(self._values)
            self._following = dict(zip(["", *names], names, strict=False))
        after = self._following.get(name)
        if after is None and name and name not in self._values:
            raise KeyError(name)
        return after

    def replace_from(self, other: Properties) -> None:
        """Take over all of `other`, in its order. What is computed here stays so, at the end if `other` lacks it."""
        kept = {name: value for name, value in self._values.items() if isinstance(value, _Computed)}
        self._values = {**other._values, **kept}
        self._following = None

    def _put(self, name: str, value: bytes | _Computed) -> None:
        if self._following is not None and name not in self._values:
            # Kept up rather than thrown away: a client that adds and walks in turns must not cost a walk each time.
            self._following[next(reversed(self._values), "")] = name
        self._values[name] = value
