"""A small client of the Internet's protocols over the `Network` port: DHCP and BOOTP, ARP, UDP and TFTP, by IPv4.

It sends and waits; all time is the `Clock` port's. Frames are a stranger's: what makes no sense is dropped.
"""

from vof.packages.net.arguments import BootArguments, parse_arguments
from vof.packages.net.dhcp import Lease, configure
from vof.packages.net.station import Station
from vof.packages.net.tftp import fetch

__all__ = ["BootArguments", "Lease", "Station", "configure", "fetch", "parse_arguments"]
