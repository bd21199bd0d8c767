"""Benchmarks of `vof`, each figure beside QEMU's own VOF and SLOF. `make bench` runs them; `run.py` is the door."""
