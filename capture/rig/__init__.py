"""A rig: the devices that observe together, and the one checkpoint through which all of them wait."""
