"""What to take: one file per sequence; a config name is a file name."""
