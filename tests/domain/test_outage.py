"""How fast a fleet comes back."""

from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.upkeep.outage import BY_FLEET, pace


@given(st.floats(0.1, 1000), st.integers(0, 2000))
def test_a_setting_is_obeyed_whatever_the_fleet(setting: float, instances: int) -> None:
    assert pace(setting, instances) == setting


@given(st.integers(0, 2000))
def test_a_fleet_has_begun_to_come_back_within_a_minute(instances: int) -> None:
    assert pace(BY_FLEET, instances) >= 5.0
    assert instances <= 60.001 * pace(BY_FLEET, instances)
