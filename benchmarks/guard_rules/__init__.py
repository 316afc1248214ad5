"""The guard's rules, each broken once, and the tests that must see it."""
