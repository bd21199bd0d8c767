"""The worker's own life: started as a script, it answers questions until its parent is gone.

It opens no file of the user's: each byte of the image is asked of its parent, over the socket that is its standard
output. Its standard input is a pipe that nobody writes to: when the parent is gone, however that came about, the kernel
ends the worker by a signal, even amidst a library call that doesn't return.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":  # started by its path: the package is where this file is
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from vof.reader.files import blessed, list_folder, read_file, stat_file
from vof.reader.protocol import Channel, Failed, Kind
from vof.reader.tables import find, list_parts

__all__ = ["OPERATIONS", "confine", "main"]

_MEMORY_LIMIT = 2 << 30
"""Bytes of address space. A damaged image may ask the library for any amount."""

OPERATIONS: dict[str, Callable[[Channel, dict[str, Any]], dict[str, Any] | bytes]] = {
    "find": find,
    "list": list_parts,
    "stat": stat_file,
    "read": read_file,
    "names": list_folder,
    "blessed": blessed,
}


def confine() -> None:
    """Leave nothing behind and take nothing along."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(hard, _MEMORY_LIMIT)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def main() -> None:
    """Answer questions until the parent is gone."""
    confine()
    channel = Channel(socket.socket(fileno=os.dup(1)))
    os.dup2(2, 1)  # what the library may print is no message
    while True:
        _, payload = channel.receive()
        question = json.loads(payload)
        try:
            answer = OPERATIONS[question["do"]](channel, question)
        except Failed as failure:
            channel.send(Kind.FAILED, str(failure).encode(errors="replace"))
        except Exception as error:  # the library's own, of any kind, about what it read
            words = str(error).strip().split("\n")[0] or type(error).__name__
            channel.send(Kind.FAILED, f"the disk can't be understood: {words}".encode(errors="replace"))
        else:
            if isinstance(answer, bytes):
                channel.send(Kind.BYTES, answer)
            else:
                channel.send(Kind.ANSWER, json.dumps(answer).encode())


if __name__ == "__main__":
    main()
