"""Each rule of `capture/guard` once: the change to its source that breaks it, and a test that fails then."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """`file` below `capture/guard`; `old` stands in it once; `test` below `tests/capture/guard`."""

    says: str
    file: str
    old: str
    new: str
    test: str


GUARD, SAFETY, SHUTTER = "guard.py", "safety.py", "shutter.py"
PARKING, ORDERS, DESK, LATCH = "parking.py", "orders.py", "desk.py", "latch.py"
_LEASES, _DANGER, _SAFE = "test_leases.py::", "test_danger.py::", "test_what_is_safe.py::"
_MOUNTS, _TROUBLE = "test_mounts_and_roof.py::", "test_roofs_in_trouble.py::"
_O, _F, _A, _D = (
    "test_guard_and_others.py::", "test_guard_under_faults.py::",
    "test_guard_from_afar.py::", "test_guard_in_doubt.py::",
)  # fmt: skip
_OTHERS, _LIES = _O + "TestARoofThatOthersMove::", _O + "TestAShutterThatDoesNotTellTheTruth::"
_CLOSE, _AT_PARK = _F + "TestCloseShutter::", _F + "TestAMountWhoseAtParkIsStuckOnTrue::"
_STUCK, _SLOW = _MOUNTS + "TestAMountThatDoesNotPark::", _TROUBLE + "TestARoofThatIsSlow::"
_REOPENS = _DANGER + "test_after_danger_the_roof_reopens_only_when_it_has_been_safe_long_enough"
_NO_YES = _SAFE + "test_what_is_no_plain_yes_opens_no_roof_and_is_told"

RULES = (
    # Who may open, and for how long.
    Rule("it opens for a lease only", GUARD, "wanted = bool(self._holders) and", "wanted = True and",
         _LEASES + "test_the_roof_stays_shut_while_nobody_asks"),
    Rule("a lease runs out", DESK, "if until <= now and", "if until <= 0 and",
         _LEASES + "test_the_roof_closes_when_the_last_lease_ends"),
    Rule("a renewed lease goes on", DESK, "self._leases[holder] = self._clock.monotonic() + lease_s",
         "self._leases.setdefault(holder, self._clock.monotonic() + lease_s)",
         _LEASES + "test_a_renewed_lease_keeps_the_roof_open"),
    Rule("danger ends what was safe", GUARD,
         "if reasons:\n            self._safe_since = None", "if reasons:\n            pass",
         _REOPENS),
    Rule("it is slow to reopen", GUARD, "max(0.0, self._config.reopen_after_s - (now - self._safe_since))",
         "0.0", _REOPENS),
    Rule("a fault keeps it shut", GUARD, "or self._fault or roof in _LEAVING", "or roof in _LEAVING",
         _SLOW + "test_to_open_has_a_fault_and_is_closed_again"),
    Rule("after a reset it is as slow as after danger", GUARD, "self._fault = self._safe_since = None",
         "self._fault = None", _A + "test_a_fault_outlives_the_guard_until_somebody_resets_it"),
    Rule("a fault outlives the guard", LATCH, 'self._path.write_text(fault + "\\n", encoding="utf-8")',
         "pass", _A + "test_a_fault_outlives_the_guard_until_somebody_resets_it"),
    Rule("a fault that cannot be read is one", LATCH,
         'return f"what was kept of an earlier one cannot be read ({error})"', "return None",
         _A + "test_what_is_kept_of_a_fault_and_cannot_be_read_is_a_fault"),
    Rule("a clock that was set keeps it shut", GUARD, 'step_s:+.0f} s")\n            self._safe_since = None',
         'step_s:+.0f} s")', _O + "TestAClockThatIsSet::test_keeps_the_roof_shut_for_a_while"),
    Rule("a roof of others is not moved", GUARD, "if not self._operates:\n", "if False:\n",
         _DANGER + "test_a_roof_that_others_move_is_only_watched_but_its_mounts_are_parked_in_danger"),
    Rule("under a roof of others mounts are parked in danger", GUARD,
         "elif not danger and roof not in _LEAVING:", "elif roof not in _LEAVING:",
         _DANGER + "test_a_roof_that_others_move_is_only_watched_but_its_mounts_are_parked_in_danger"),
    Rule("and when it leaves open", GUARD, "elif not danger and roof not in _LEAVING:", "elif not danger:",
         _OTHERS + "test_has_its_mounts_parked_when_it_closes"),
    Rule("what somebody closes is not opened against him", GUARD,
         'self._latch(f"it {seen}, and nobody here has told it to close")', "pass",
         _O + "test_a_roof_that_somebody_else_closes_is_not_opened_against_him"),
    # What counts as safe.
    Rule("a no is danger", SAFETY, "if word is True:", "if True:",
         _NO_YES),
    Rule("silent twice is danger", SAFETY, 'return f"no answer about safety: {failure}"', "return self._last",
         _SAFE + "test_a_safety_monitor_that_is_silent_twice_is_danger"),
    Rule("silent once it keeps its word", SAFETY, "if first and self._known:", "if False:",
         _SAFE + "test_a_safety_monitor_that_is_silent_once_keeps_its_word"),
    Rule("who has never answered has no word to keep", SAFETY, "if first and self._known:", "if first:",
         _D + "test_a_safety_monitor_that_is_silent_from_the_start_has_no_word_to_keep"),
    Rule("one word of danger is enough", SAFETY,
         "or any(asker.sees_danger for asker in self._askers)", "or False",
         _D + "test_danger_is_reported_at_once_although_another_device_hangs"),
    Rule("old weather is danger", SAFETY, "not 0 <= age_s <= OLDEST_WEATHER_S", "age_s < 0", _NO_YES),
    Rule("weather of the future is danger", SAFETY, "not 0 <= age_s <= OLDEST_WEATHER_S",
         "age_s > OLDEST_WEATHER_S", _NO_YES),
    Rule("its age is asked for when it would be too old", SAFETY, "or now >= too_old_at", "or False",
         _SAFE + "test_a_weather_station_that_falls_silent_is_danger_as_soon_as_its_reading_is_too_old"),
    Rule("rain is danger", SAFETY, "if rain else None", "if False else None", _NO_YES),
    Rule("a silent guard is unsafe", DESK, "silent_s > _SILENT_S and newest.safe", "False",
         _O + "test_a_guard_that_says_nothing_is_not_believed"),
    Rule("rigs hear of danger before mounts are parked", GUARD,
         "self._desk.publish(before, reasons, None, self._fault, self._holders)", "pass",
         _D + "test_danger_is_reported_at_once_although_another_device_hangs"),
    # The mounts.
    Rule("a roof waits for its mounts", GUARD,
         "self._config.clears_mounts or self._parking.is_done()", "True",
         _DANGER + "test_a_moment_of_danger_closes_the_roof_although_it_passes_while_the_mounts_park"),
    Rule("a roof that clears them does not", GUARD,
         "self._config.clears_mounts or self._parking.is_done()", "self._parking.is_done()",
         _MOUNTS + "test_a_roof_that_clears_the_mounts_closes_at_once"),
    Rule("all the same they are parked", GUARD,
         "if not (self._config.clears_mounts and self._goal is RoofState.OPEN):",
         "if not self._config.clears_mounts:", _MOUNTS + "test_a_roof_that_clears_the_mounts_closes_at_once"),
    Rule("they are parked before it opens", GUARD,
         'elif self._is_clear("parking the mounts before the roof opens"):', "elif True:",
         _MOUNTS + "test_an_unparked_mount_is_parked_before_the_roof_opens_over_it"),
    Rule("the park has a deadline", PARKING,
         "self._clock.monotonic() - self._begun_at > self._deadline_s", "False",
         _STUCK + "test_is_closed_upon_where_the_config_says_so"),
    Rule("if_park_fails: close", GUARD, 'if self._config.if_park_fails == "close":', "if False:",
         _STUCK + "test_is_closed_upon_where_the_config_says_so"),
    Rule("if_park_fails: stay_open", GUARD, 'if self._config.if_park_fails == "close":', "if True:",
         _STUCK + "test_keeps_the_roof_open_until_it_has_parked_where_the_config_says_so"),
    Rule("it does not open over one that does not park", GUARD,
         "self._latch(f\"{self._parking.why_not()}, and the roof would open onto it\")",
         "shutter.order(RoofState.OPEN)", _STUCK + "test_is_not_opened_over"),
    Rule("AtPark must be read", PARKING, "says_so = mount.AtPark is True", "says_so = True",
         _D + "test_a_mount_that_stands_still_without_being_parked_keeps_the_roof_from_closing"),
    Rule("a mount that says it is parked is told to park", PARKING,
         "and self._parked_at is None and", "and not self._mount.AtPark and",
         _AT_PARK + "test_is_parked_all_the_same_before_the_roof_moves"),
    Rule("one that moves is not parked", PARKING, "if says_so and self._stands and not tracks",
         "if says_so and not tracks",
         _AT_PARK + "test_and_that_moves_without_saying_so_counts_as_not_parked"),
    Rule("one that slews is not parked", PARKING, "self._looked and not slews and", "self._looked and",
         _AT_PARK + "test_and_that_slews_or_tracks_counts_as_not_parked"),
    Rule("one that tracks is not parked", PARKING, "self._stands and not tracks else", "self._stands else",
         _AT_PARK + "test_and_that_slews_or_tracks_counts_as_not_parked"),
    Rule("old looks do not count", PARKING, "_FRESH_S = 5.0", "_FRESH_S = 1e9",
         _D + "test_a_mount_that_falls_silent_after_it_has_parked_is_not_known_to_be_parked"),
    Rule("one that was turned round is told again", PARKING, "_AGAIN_S = 30.0", "_AGAIN_S = 1e9",
         _F + "test_a_rig_that_turns_a_parking_mount_round_does_not_keep_it_from_parking"),
    # The shutter.
    Rule("unread twice is unknown", SHUTTER, "if self._unread >= 2:", "if False:",
         _TROUBLE + "test_a_roof_whose_state_cannot_be_read_is_not_taken_for_open_and_closed"),
    Rule("shut while it opens is not believed", SHUTTER,
         "if self.ordered is RoofState.OPEN and not self.was_refused:", "if False:",
         _LIES + "test_reading_closed_while_it_opens_is_not_dark_and_is_closed_once"),
    Rule("shut from one moment to the next is not believed", GUARD,
         "or not shutter.owes_close):", "or True):",
         _LIES + "test_reading_closed_over_a_mount_that_does_not_park_is_closed_after_the_parks_deadline"),
    Rule("a roof that reads shut and was not seen closing is not closing by others", GUARD,
         "RoofState.CLOSING and not shutter.leapt", "RoofState.CLOSING",
         _LIES + "test_reading_closed_from_one_moment_to_the_next_is_closed_at_once_and_long_not_dark"),
    Rule("a leap to shut is not believed before a whole motion's time", SHUTTER,
         "dwell_s = self._deadline_s if self.leapt else _DWELL_S", "dwell_s = _DWELL_S",
         _LIES + "test_reading_closed_while_others_keep_it_open_parks_and_is_long_not_dark"),
    Rule("shut must be said for 4 s", SHUTTER, "_DWELL_S = 4.0", "_DWELL_S = 0.0",
         _D + "test_a_roof_that_reads_closed_for_a_moment_while_it_closes_is_not_dark"),
    Rule("an error is a fault", GUARD, 'self._latch("its shutter reports an error")', "pass",
         _LIES + "test_an_error_is_a_fault_and_the_roof_is_closed_once"),
    Rule("a roof that is late to open is a fault", GUARD, "            if shutter.is_late():",
         "            if False:", _SLOW + "test_to_open_has_a_fault_and_is_closed_again"),
    Rule("close is sent once", ORDERS, "_AFTER_REFUSAL_S if self.refused else self._deadline_s",
         "_AFTER_REFUSAL_S", _CLOSE + "test_taken_but_answered_badly_is_not_sent_twice"),
    Rule("one that was refused soon again", ORDERS, "_AFTER_REFUSAL_S if self.refused else self._deadline_s",
         "self._deadline_s", _CLOSE + "test_refused_is_sent_again_soon_and_a_person_is_told_once"),
    Rule("one that was ignored after the deadline", GUARD,
         "        if shutter.ordered is RoofState.SHUT:\n            if shutter.is_due_again():",
         "        if shutter.ordered is RoofState.SHUT:\n            if False:",
         _CLOSE + "test_ignored_is_sent_again_only_after_the_deadline"),
    Rule("a bad answer may have been a Yes", ORDERS, "return refused or not error.sent", "return True",
         _D + "test_a_close_that_may_have_been_heard_is_sent_again_only_after_its_deadline"),
    Rule("no close on top of another's", GUARD, "        if by_others:\n", "        if False:\n",
         _O + "test_a_roof_found_closing_gets_no_close_on_top"),
    Rule("a roof that closes is not turned back", GUARD,
         "elif waits_s == 0.0 and self._goal is not RoofState.SHUT:", "elif waits_s == 0.0:",
         _LEASES + "test_a_new_lease_does_not_turn_back_a_roof_that_is_closing"),
    Rule("about to close it is open to nobody", GUARD,
         "return RoofState.CLOSING if roof is RoofState.OPEN and closing else roof", "return roof",
         _DANGER + "test_a_moment_of_danger_closes_the_roof_although_it_passes_while_the_mounts_park"),
    # Its own life.
    Rule("in doubt it looks again soon", GUARD, "if moving or in_doubt else", "if moving else",
         _F + "test_a_safety_monitor_that_hangs_is_danger_within_the_promise"),
    Rule("no call lasts long", ORDERS, "min(longest, getattr(timeouts, name))", "getattr(timeouts, name)",
         _F + "test_a_dome_that_hangs_does_not_delay_the_parks"),
    Rule("a lost device is connected again", ORDERS, "error.number == _NOT_CONNECTED", "error.number == -1",
         _O + "test_devices_whose_driver_has_restarted_are_connected_again"),
    Rule("it ends when the roof is shut", GUARD, "or (roof is RoofState.SHUT and self._goal is None):",
         "or True:", _LEASES + "test_stopping_closes_the_roof_and_waits_for_it"),
    Rule("or has had its time", GUARD, "2 * config.move_deadline_s + 30.0",
         "2 * config.move_deadline_s + 9000.0",
         _O + "TestARoofThatNeverCloses::test_does_not_keep_the_guard_from_ending"),
)  # fmt: skip
