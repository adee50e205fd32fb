"""Property tests are the same in every run, and never fail because a machine is busy."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "composer",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("composer")
