"""Packages: device and support packages, and the instances that clients open of them."""

from vof.packages.console import ConsolePackage
from vof.packages.instance import Instance, Method, Stack, Throw, ThrowCode
from vof.packages.openable import OPENABLE

__all__ = ["OPENABLE", "ConsolePackage", "Instance", "Method", "Stack", "Throw", "ThrowCode"]
