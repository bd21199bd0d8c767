"""Machines: what a machine's tree holds and how it answers the firmware. The only place with machine facts.

`MACHINES` is the table; each machine is a module of its own, imported when it is started.
"""

from vof.machines.profiles import MACHINES, MachineProfile

__all__ = ["MACHINES", "MachineProfile"]
