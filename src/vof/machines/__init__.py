"""Machines: what a machine's tree holds and how it answers the firmware. The only place with machine facts."""

from vof.machines.machine import MACHINES, Machine, MachineProfile, Program, Site
from vof.machines.pseries import Pseries

__all__ = ["MACHINES", "Machine", "MachineProfile", "Program", "Pseries", "Site"]
