"""The small campaign: every named place once. `make campaign` is the full one."""

import pytest

from tests.campaign.campaign import FAILPOINTS, Plan, campaign


@pytest.mark.timeout(240)  # half a minute on a quiet machine
def test_whatever_is_killed_nothing_is_lost_nothing_comes_twice_and_nobody_is_stuck() -> None:
    report = campaign(Plan(kills=20, seed=3, patients=10, leases=2))
    print(report.as_table())
    assert report.broken == []
    assert report.kills.total() == 20
    assert report.stops >= 1
    assert report.cuts >= 1
    assert report.messages > 50
    assert len(report.kills) > sum(map(len, FAILPOINTS.values())) / 2  # some places are not passed in time
