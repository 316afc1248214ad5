"""What other people's programs make of our files: they judge us, and are installed by CI."""
