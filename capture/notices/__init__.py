"""Who is told of what: persons and channels, one message at a time, through Apprise."""
