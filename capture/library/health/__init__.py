"""Health of a rig over time: what its own calibration frames tell about camera and optics.

`measures`: figures from pixels, pure; `survey`: which of them a new master gives; `trends`: which of them
have left the rig's own history.
"""
