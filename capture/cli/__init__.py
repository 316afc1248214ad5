"""The command `nightcal`: wiring, nothing else. The only room that imports the simulators."""
