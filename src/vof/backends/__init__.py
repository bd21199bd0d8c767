"""Back ends: the outside world behind the ports that no engine provides."""

from vof.backends.clock import HostClock, VirtualClock
from vof.backends.console import HostConsole, UserEnd
from vof.backends.disks import RawDisk
from vof.backends.overlay import OverlayDisk, OverlayState
from vof.backends.user_ends import FileEnd, NoEnd, SocketEnd, StreamEnd, TerminalEnd
from vof.backends.volumes import DiskFiles, DiskPartitions, Volumes

__all__ = [
    "DiskFiles",
    "DiskPartitions",
    "FileEnd",
    "HostClock",
    "HostConsole",
    "NoEnd",
    "OverlayDisk",
    "OverlayState",
    "RawDisk",
    "SocketEnd",
    "StreamEnd",
    "TerminalEnd",
    "UserEnd",
    "VirtualClock",
    "Volumes",
]
