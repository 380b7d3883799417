"""Settings for all suites."""

import signal

from hypothesis import HealthCheck, settings

# A shell's background job ignores interrupts, and hands that on to every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes, and drawing it, says more about the machine than about the code.
settings.register_profile("mix", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mix")
