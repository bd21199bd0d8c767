"""Files by TFTP (RFC 1350), with block size and file size options (RFC 2347, 2348, 2349)."""

from __future__ import annotations

from collections.abc import Callable

from vof.errors import PortError
from vof.packages.net.station import Datagram, Station, dotted

__all__ = ["fetch"]

_PORT = 69
_READ, _DATA, _ACK, _ERROR, _OACK = 1, 3, 4, 5, 6
_PLAIN_BLOCK = 512
_BLOCK = 1428
"""What fits into an Ethernet frame."""
_FIRST_PORT, _PORTS = 49152, 16384
_WAIT = 1000
_LONGEST_WAIT = 8000
_WORDS = 200


def fetch(
    station: Station, server: bytes, file: str, write: Callable[[int, bytes], None], *, limit: int, tries: int = 4
) -> int:
    """Load a file.

    Args:
        station: who asks; it has an address.
        server: whom.
        file: the file's name.
        write: takes pieces: offset and data, each once and in order.
        limit: the most bytes that are taken.
        tries: how often a piece is asked for.

    Returns:
        The file's size.

    Raises:
        PortError: it can't be had; the reason is in words.
    """
    who = f"TFTP {dotted(server)}"
    own_port = _FIRST_PORT + (station.milliseconds() + station.mac[5]) % _PORTS
    request = _READ.to_bytes(2) + b"\0".join(
        [file.encode("latin-1", "replace"), b"octet", b"blksize", str(_BLOCK).encode(), b"tsize", b"0", b""]
    )
    station.send(server, _PORT, own_port, request)
    peer, block, done, size = 0, 0, 0, _PLAIN_BLOCK
    sent, to = request, _PORT
    left, wait = tries, _WAIT
    while True:
        datagram = _next(station, server, own_port, peer, wait)
        if datagram is None:
            left -= 1
            if not left:
                what = f"no answer for {file}" if not peer else f"{file} stopped coming after {done} bytes"
                raise PortError(f"{who}: {what}")
            wait = min(2 * wait, _LONGEST_WAIT)
            station.send(server, to, own_port, sent)
            continue
        data = datagram.data
        code = int.from_bytes(data[:2])
        if code == _ERROR:
            words = data[4:].partition(b"\0")[0].decode("latin-1")[:_WORDS]
            words = "".join(each if each.isprintable() else "?" for each in words)
            raise PortError(f"{who}: {words or 'an error without a reason'}: {file}")
        if code == _OACK and not peer:
            peer = to = datagram.port
            size, whole = _agreed(data, file)
            if whole > limit:
                station.send(server, to, own_port, _ERROR.to_bytes(2) + b"\0\3too big\0")
                raise PortError(f"{who}: {file} has {whole} bytes, and there is room for {limit}")
        elif code == _DATA and len(data) >= 4:
            peer = to = peer or datagram.port
            number, piece = int.from_bytes(data[2:4]), data[4:]
            if number == block & 0xFFFF:
                continue  # a second copy: an answer would double all that follow
            if number != block + 1 & 0xFFFF or len(piece) > size:
                continue
            if done + len(piece) > limit:
                station.send(server, to, own_port, _ERROR.to_bytes(2) + b"\0\3too big\0")
                raise PortError(f"{who}: {file} has more than the {limit} bytes that there is room for")
            write(done, piece)
            block, done = block + 1, done + len(piece)
            if len(piece) < size:
                station.send(server, to, own_port, _ACK.to_bytes(2) + data[2:4])
                return done
        else:
            continue
        sent = _ACK.to_bytes(2) + (block & 0xFFFF).to_bytes(2)
        station.send(server, to, own_port, sent)
        left, wait = tries, _WAIT


def _next(station: Station, server: bytes, own_port: int, peer: int, wait: int) -> Datagram | None:
    """The next datagram of this transfer; another server's is none."""
    end = station.milliseconds() + wait
    while True:
        datagram = station.receive(own_port, max(0, end - station.milliseconds()))
        if datagram is None:
            return None
        if datagram.source == server and peer in (0, datagram.port) and len(datagram.data) >= 2:
            return datagram


def _agreed(data: bytes, file: str) -> tuple[int, int]:
    """Block size and file size of an OACK; a file size of 0 for none."""
    words = data[2:].split(b"\0")
    options = {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=False)}
    size, whole = options.get(b"blksize", b"512"), options.get(b"tsize", b"0")
    if not (size.isdigit() and whole.isdigit() and 8 <= int(size[:6]) <= _BLOCK and len(whole) < 16):
        raise PortError(f"TFTP: the server's options for {file} make no sense")
    return int(size), int(whole)
