"""Back ends: the outside world behind the ports that no engine provides."""

from vof.backends.clock import HostClock, VirtualClock
from vof.backends.console import HostConsole, UserEnd
from vof.backends.user_ends import FileEnd, NoEnd, SocketEnd, StreamEnd, TerminalEnd

__all__ = [
    "FileEnd",
    "HostClock",
    "HostConsole",
    "NoEnd",
    "SocketEnd",
    "StreamEnd",
    "TerminalEnd",
    "UserEnd",
    "VirtualClock",
]
