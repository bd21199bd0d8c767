"""The names of QEMU's own options: whoever gives one that `vof` doesn't take itself is told where to put it.

Ref: `qemu-system-ppc64 -help` of QEMU 7.2 and 10.0.
"""

from __future__ import annotations

__all__ = ["QEMU_OPTIONS"]

_NAMES = """
    D L S accel action add-fd append async-teardown audio audio-help audiodev bios blockdev boot cdrom chardev chroot
    compat cpu d daemonize debugcon device dfilter display drive dtb dump-vmstate echr enable-kvm fda fdb fsdev
    full-screen fw_cfg g gdb global h hda hdb hdc hdd icount incoming initrd iscsi k kernel loadvm m machine mem-path
    mem-prealloc mon monitor msg mtdblock name net netdev nic no-reboot no-shutdown no-user-config nodefaults nographic
    numa object only-migratable option-rom overcommit parallel pflash pidfile plugin portrait preconfig prom-env qmp
    qmp-pretty readconfig rotate rtc run-with runas s sandbox sd seed semihosting serial set shim singlestep smbios smp
    snapshot spice tpmdev trace usb usbdevice uuid vga virtfs vnc watchdog watchdog-action
"""
QEMU_OPTIONS = frozenset(_NAMES.split())
"""Without their dash."""
