"""The network protocols that a boot needs, as plain functions and values over the ports `Network` and `Clock`."""

from vof.packages.net.arguments import BootArguments, parse_arguments
from vof.packages.net.dhcp import Lease, obtain
from vof.packages.net.host import Host, next_frame
from vof.packages.net.tftp import fetch

__all__ = ["BootArguments", "Host", "Lease", "fetch", "next_frame", "obtain", "parse_arguments"]
