"""The library: masters made of frames."""
