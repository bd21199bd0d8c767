"""For all tests."""

import signal

# A shell that starts the tests in the background has them ignore Ctrl-C, and Python then leaves it at that.
signal.signal(signal.SIGINT, signal.default_int_handler)
