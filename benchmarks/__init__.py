"""What nightcal measures of itself: `python -m benchmarks.NAME [--quick] [--json FILE]`."""
