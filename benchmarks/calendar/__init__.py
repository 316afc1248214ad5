"""Calendar: a year of nights at six latitudes, with summer time, clock steps, sleeps and late starts."""
