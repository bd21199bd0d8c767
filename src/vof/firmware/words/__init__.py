"""Open Firmware's own words (1275 §5.3, §7.4): devices, packages, the user's commands; and the Forth that has them."""

from vof.firmware.words import boot as boot  # filling the tables is what they are imported for
from vof.firmware.words import client as client
from vof.firmware.words import console as console
from vof.firmware.words import debugging as debugging
from vof.firmware.words import drivers as drivers
from vof.firmware.words import encoding as encoding
from vof.firmware.words import instances as instances
from vof.firmware.words import machine as machine
from vof.firmware.words import new_devices as new_devices
from vof.firmware.words import properties as properties
from vof.firmware.words import returns as returns
from vof.firmware.words import screen as screen
from vof.firmware.words import tree as tree
from vof.firmware.words import variables as variables
from vof.firmware.words.engine import FirmwareForth

__all__ = ["FirmwareForth"]
