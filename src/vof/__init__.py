"""Virtual Open Firmware in Python: IEEE 1275 for PowerPC client programs, answered outside the guest."""
