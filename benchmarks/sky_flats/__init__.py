"""How many good sky flats a strategy takes of what a clairvoyant could: `python -m benchmarks.sky_flats`."""
