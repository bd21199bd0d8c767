"""Seeing a boot: recordings, and what is made of them."""
