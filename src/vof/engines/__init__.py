"""Engines: what runs the guest until a trap and resumes it. They know nothing of Open Firmware's services."""
