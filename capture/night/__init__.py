"""What to do tonight: needs minus the catalogue gives the plan; one worker per rig carries it out."""
