"""nightcal: calibration capture for telescopes, unattended."""
