"""The reader of disks: partition tables and file systems, in a process of its own that a damaged image may crash.

`vof.backends.volumes` starts it and asks; nothing else of the package is imported here.
"""
