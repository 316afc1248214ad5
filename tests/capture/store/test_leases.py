"""A rig is worked with by one holder at a time, and who was late is known by its fence."""

from __future__ import annotations

from datetime import timedelta

from capture.store.catalogue import Catalogue
from capture.store.leases import Lease
from tests.capture.store.frames import START

MINUTE = timedelta(minutes=1)


def test_a_rig_has_one_holder_until_the_lease_ends(catalogue: Catalogue) -> None:
    leases = catalogue.leases
    first = leases.take("T1", "host-a", START, 5 * MINUTE)
    assert first == Lease("T1", "host-a", 1, START + 5 * MINUTE)
    assert leases.take("T1", "host-b", START + MINUTE, 5 * MINUTE) is None
    assert leases.take("T2", "host-b", START + MINUTE, 5 * MINUTE) is not None
    renewed = leases.take("T1", "host-a", START + 4 * MINUTE, 5 * MINUTE)
    assert renewed == Lease("T1", "host-a", 1, START + 9 * MINUTE)
    assert [lease.rig for lease in leases.all(START + 8 * MINUTE)] == ["T1"]


def test_each_new_holder_has_a_greater_fence_and_so_has_one_who_came_back_late(catalogue: Catalogue) -> None:
    leases = catalogue.leases
    fences = []
    for number, holder in enumerate(("host-a", "host-b", "host-a", "host-a")):
        lease = leases.take("T1", holder, START + 10 * number * MINUTE, 5 * MINUTE)
        assert lease is not None
        fences.append(lease.fence)
    assert fences == [1, 2, 3, 4]


def test_a_lease_that_is_given_back_is_free_at_once_but_not_by_an_earlier_holder(
    catalogue: Catalogue,
) -> None:
    leases = catalogue.leases
    old = leases.take("T1", "host-a", START, MINUTE)
    new = leases.take("T1", "host-b", START + 2 * MINUTE, 5 * MINUTE)
    assert old is not None
    assert new is not None
    leases.give_back(old)
    assert leases.all(START + 3 * MINUTE) == [new]
    leases.give_back(new)
    assert leases.all(START + 3 * MINUTE) == []
    assert leases.take("T1", "host-a", START + 3 * MINUTE, MINUTE) == Lease(
        "T1", "host-a", 3, START + 4 * MINUTE
    )
