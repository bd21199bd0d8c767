"""The MMU's package: what `/chosen` `mmu` is an instance of (1275 PowerPC binding §5.1 and §5.2).

In real mode an address is its own translation, whatever a client maps. Where addresses are translated, all of RAM is
mapped 1:1 from the start: Haiku, the BSDs, yaboot and Linux use what they have claimed without mapping it; GRUB takes
any `real-mode?`, "false" too, for a yes; NetBSD's loader loads a kernel to memory that it has not even claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vof.errors import GuestFault
from vof.memory import ClaimMap, Translations
from vof.packages.instance import Instance, Method, Stack
from vof.packages.page_table import MODE_BITS, PAGE, PageTable
from vof.tree import encode_cells, encode_reg

__all__ = ["DEVICE_MODE", "MEMORY_MODE", "Mmu"]

MEMORY_MODE = 0x12
"""The default for RAM: coherent, readable and writable; what Linux passes to `map`."""
DEVICE_MODE = 0x2A
"""The default for everything else: not cached, guarded, readable and writable."""
_DEFAULT = 0xFFFFFFFF
_SPACE = 1 << 32
_PAGES_LIMIT = 1 << 16
"""Pages that one call may change: 256 MiB. Each takes some microseconds."""


class Mmu:
    """Virtual addresses: which are claimed, and where they lead.

    Everything here raises `GuestFault` for what can't be done, and has changed nothing then.

    Args:
        ram: bytes of memory.
        kept: starts and sizes of the firmware's own memory: it stays mapped 1:1.
        table: the page table; None in real mode.
        changed: called when the page table was changed.

    Attributes:
        claims: which virtual addresses are claimed.
        translations: where virtual addresses lead; in real mode none are listed.
    """

    def __init__(
        self,
        ram: int,
        kept: Sequence[tuple[int, int]] = (),
        table: PageTable | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self.translations = Translations()
        # Where a client may have any address, it gets one that is not RAM's.
        self.claims = ClaimMap(_SPACE, floor=ram)
        self._ram = ram
        self._kept = tuple(kept)
        self._table = table
        self._changed = changed
        for start, size in kept:
            self.claims.reserve(start, size)
        if table is not None:
            table.fill(ram, MEMORY_MODE)
            self.translations.set(0, ram, 0, MEMORY_MODE)

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {
            "open": self._open,
            "close": self._close,
            "claim": self._claim,
            "release": self._release,
            "map": self._map,
            "unmap": self._unmap,
            "modify": self._modify,
            "translate": self._translate,
        }

    def properties(self) -> dict[str, Callable[[], bytes]]:
        """What the node's properties say at any time, by name: for `Properties.compute`."""
        return {"available": self._encoded_available, "translations": self._encoded_translations}

    def map(self, phys: int, virt: int, size: int, mode: int) -> None:
        """Have a range of virtual addresses lead to real ones. All of each page that it touches is mapped.

        Args:
            phys, virt: where the ranges begin; both in the same place of a page.
            size: bytes.
            mode: WIMG and PP bits as in a page table entry; -1 for the default.
        """
        if (phys ^ virt) % PAGE:
            raise GuestFault("map of {:#x} at {:#x}: they are not in the same place of a page", phys, virt)
        first, length = _pages(virt, size)
        target = phys - phys % PAGE
        if target + length > _SPACE:
            raise GuestFault("map of {:#x} bytes from {:#x}", size, phys)
        if self._table is None:
            if target != first:
                raise GuestFault("map of {:#x} at {:#x}, in real mode", phys, virt)
            return
        if target != first:
            self._spare_the_firmware(first, length)
        changes = []
        for virtual, real, bytes_ in self._runs(first, target, length):
            wanted = self._mode(mode, real)
            changes += self._differing(virtual, real, bytes_, wanted)
        self._change(changes)

    def unmap(self, virt: int, size: int) -> None:
        """Have a range of virtual addresses lead nowhere, with all of each page that it touches."""
        first, length = _pages(virt, size)
        if self._table is None:
            return
        self._spare_the_firmware(first, length)
        self._change([(each.virt, each.size, None) for each in self.translations.within(first, length)])

    def modify(self, virt: int, size: int, mode: int) -> None:
        """Give pages another mode. All of them must be mapped."""
        first, length = _pages(virt, size)
        if self._table is None:
            return
        if self.translations.gaps(first, length):
            raise GuestFault("modify of {:#x} bytes at {:#x}, which are not all mapped", size, virt)
        changes: list[_Change] = []
        for each in self.translations.within(first, length):
            for virtual, real, bytes_ in self._runs(each.virt, each.phys, each.size):
                wanted = self._mode(mode, real)
                changes += self._differing(virtual, real, bytes_, wanted)
        self._change(changes)

    def translate(self, virt: int) -> tuple[int, int] | None:
        """The real address that a virtual one leads to, and the mode; None if it leads nowhere."""
        if self._table is None:
            return virt, self._mode(_DEFAULT, virt)
        found = self.translations.find(virt)
        return None if found is None else (found.phys + virt - found.virt, found.mode)

    def restore(self, virt: int, size: int) -> None:
        """See that memory which a client gets by `claim` is mapped 1:1, whatever was done there before."""
        if self._table is None:
            return
        first, length = _pages(virt, size)
        changes: list[_Change] = [(start, bytes_, (start, MEMORY_MODE)) for start, bytes_ in self._gaps(first, length)]
        changes += [
            (each.virt, each.size, (each.virt, MEMORY_MODE))
            for each in self.translations.within(first, length)
            if each.phys != each.virt
        ]
        self._change(changes, limit=self._ram // PAGE)

    # Changing

    def _gaps(self, virt: int, size: int) -> list[tuple[int, int]]:
        return self.translations.gaps(virt, size)

    def _mode(self, mode: int, real: int) -> int:
        if mode == _DEFAULT or mode < 0:
            return MEMORY_MODE if real < self._ram else DEVICE_MODE
        return mode & MODE_BITS

    def _runs(self, virt: int, real: int, size: int) -> Iterator[tuple[int, int, int]]:
        """A range in two at most: what of it leads to RAM, and what doesn't."""
        inside = min(max(self._ram - real, 0), size)
        if inside:
            yield virt, real, inside
        if inside < size:
            yield virt + inside, real + inside, size - inside

    def _differing(self, virt: int, real: int, size: int, mode: int) -> list[_Change]:
        """The changes that would map a range so; nothing for what is mapped so already."""
        changes: list[_Change] = [
            (start, bytes_, (real + start - virt, mode)) for start, bytes_ in self._gaps(virt, size)
        ]
        for each in self.translations.within(virt, size):
            wanted = real + each.virt - virt
            if (each.phys, each.mode) != (wanted, mode):
                changes.append((each.virt, each.size, (wanted, mode)))
        return changes

    def _spare_the_firmware(self, virt: int, size: int) -> None:
        for start, bytes_ in self._kept:
            if virt < start + bytes_ and start < virt + size:
                raise GuestFault("the firmware's own memory at {:#x} stays mapped as it is", start)

    def _change(self, changes: Sequence[_Change], limit: int = _PAGES_LIMIT) -> None:
        """Make changes, in the list and in the page table: all of them, or none."""
        table = self._table
        assert table is not None
        pages = sum(size for _, size, _ in changes) // PAGE
        if not pages:
            return
        if pages > limit:
            raise GuestFault("{} pages at once; at most {}", pages, limit)
        saved = self.translations.saved()
        done: list[tuple[int, int]] = []
        try:
            for virt, size, to in changes:
                if to is None:
                    self.translations.clear(virt, size)
                else:
                    self.translations.set(virt, size, *to)
            if self.translations.total // PAGE > table.capacity // 2:
                raise GuestFault("{:#x} bytes would be mapped", self.translations.total)
            for virt, size, _ in changes:
                done.append((virt, size))
                self._write(table, virt, size)
        except GuestFault:
            self.translations.restore(saved)
            for virt, size in done:
                self._write(table, virt, size)
            raise
        finally:
            if done and self._changed is not None:
                self._changed()

    def _write(self, table: PageTable, virt: int, size: int) -> None:
        """Have the page table say what the list says. What it said already always has room."""
        for start, bytes_ in self._gaps(virt, size):
            for page in range(start, start + bytes_, PAGE):
                table.clear(page)
        for each in self.translations.within(virt, size):
            for offset in range(0, each.size, PAGE):
                table.set(each.virt + offset, each.phys + offset, each.mode)

    # Methods

    def _open(self, instance: Instance, stack: Stack) -> None:
        """( -- true )."""
        stack.append(-1)

    def _close(self, instance: Instance, stack: Stack) -> None:
        """( -- )."""

    def _claim(self, instance: Instance, stack: Stack) -> None:
        """( [ virt ] size align -- base ): virtual addresses alone; there is a `virt` if `align` is 0."""
        align, size = stack.pop(), stack.pop()
        virt = 0 if align else stack.pop()
        stack.append(self.claims.claim(virt, size, align))

    def _release(self, instance: Instance, stack: Stack) -> None:
        """( virt size -- )."""
        size, virt = stack.pop(), stack.pop()
        self.claims.release(virt, size)

    def _map(self, instance: Instance, stack: Stack) -> None:
        """( phys virt size mode -- )."""
        mode, size, virt, phys = stack.pop(), stack.pop(), stack.pop(), stack.pop()
        self.map(phys, virt, size, mode)

    def _unmap(self, instance: Instance, stack: Stack) -> None:
        """( virt size -- )."""
        size, virt = stack.pop(), stack.pop()
        self.unmap(virt, size)

    def _modify(self, instance: Instance, stack: Stack) -> None:
        """( virt size mode -- )."""
        mode, size, virt = stack.pop(), stack.pop(), stack.pop()
        self.modify(virt, size, mode)

    def _translate(self, instance: Instance, stack: Stack) -> None:
        """( virt -- false | phys mode true )."""
        found = self.translate(stack.pop())
        stack.extend((0,) if found is None else (*found, -1))

    # Properties

    def _encoded_available(self) -> bytes:
        return encode_reg(((start, min(size, _SPACE - PAGE)) for start, size in self.claims.free()), 1, 1)

    def _encoded_translations(self) -> bytes:
        return b"".join([encode_cells(each.virt, each.size, each.phys, each.mode) for each in self.translations])


_Change = tuple[int, int, tuple[int, int] | None]
"""A range's start and bytes, and the real address and the mode that it is to have, or None."""


def _pages(virt: int, size: int) -> tuple[int, int]:
    """The pages that a range touches: where the first begins, and bytes."""
    first = virt - virt % PAGE
    end = -(-(virt + size) // PAGE) * PAGE
    if virt < 0 or size < 0 or end > _SPACE:
        raise GuestFault("{:#x} bytes at {:#x}", size, virt)
    return first, (end - first if size else 0)
