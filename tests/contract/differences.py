"""Where other servers differ from the contract: test -> in what way. Each must still differ."""

from __future__ import annotations

ALPACA_SIMULATORS: dict[str, str] = {
    "test_an_unknown_action_is_refused_by_number": "it accepts any action and answers nothing",
    "test_a_monochrome_sensor_has_no_bayer_offset": "BayerOffsetX is 0 and not NotImplemented",
    "test_binning_out_of_range_is_refused_as_an_invalid_value": "the error is 0x402, ValueNotSet",
    "test_a_readout_mode_out_of_range_is_refused_as_an_invalid_value": "the error is 0x402, ValueNotSet",
    "test_gain_and_offset_read_as_they_were_set": "Gain reads as one more than it was set to",
    "test_it_reads_moving_until_it_is_open_and_until_it_is_shut": "the cover is open at once",
    "test_it_reads_opening_until_open_and_closing_until_closed": "the roof is open at once",
    "test_it_slews_while_the_shutter_moves": "the roof is open at once",
    "test_it_reads_minus_one_until_it_has_arrived": "the wheel is there at once",
    "test_a_sensor_that_there_is_not_is_refused_as_an_invalid_value": "it describes any sensor",
    "test_it_moves_until_it_is_there": "focuser and rotator are there at once",
    "test_it_can_be_halted_on_its_way": "the rotator is there at once",
    "test_an_angle_that_there_is_not_is_refused_as_an_invalid_value": "the rotator takes any angle",
    "test_a_position_that_there_is_not_is_never_reached": "the focuser goes as far as it can",
    "test_it_is_at_park_only_when_it_has_arrived": "the mount is parked at once",
}
