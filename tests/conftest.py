"""Settings for all suites."""

from hypothesis import HealthCheck, settings

# How long an example takes, and drawing it, says more about the machine than about the code.
settings.register_profile("mix", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mix")
