"""The alerts as they reach a phone: which number, what, since when, what is done, what to do."""

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.texts.alerts import six
from waziterm.domain.alerts.texts import LONGEST
from waziterm.domain.screen import Lang


@pytest.mark.parametrize("lang", [Lang.EN, Lang.ID])
def test_six_alerts_as_they_reach_a_phone(lang: Lang, snapshot: SnapshotAssertion) -> None:
    alerts = six(lang)
    said = "\n".join(f"{name}: {alert.text}" for name, alert in alerts.items())
    assert said == snapshot
    for alert in alerts.values():
        assert len(alert.text) <= LONGEST
        # The hour, and the number where it is one alone.
        assert "05:13" in alert.text
        assert len(alert.instances) > 1 or "(+6281••••0000)" in alert.text
