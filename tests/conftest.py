"""For all tests: the signals are those of a terminal, and what is random is the same each time."""

import signal

from tests.length import set_hypothesis_up

set_hypothesis_up()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background job: a command that a test interrupts would go on for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    # Under nohup the commands would rightly ignore it.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
