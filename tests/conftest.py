"""Settings for all suites."""

from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("mix", deadline=None)
settings.load_profile("mix")
