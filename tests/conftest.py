"""For all tests: the signals are those of a terminal."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is in a shell's background job, and then a command that is interrupted by a test would go on for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
