"""The pages, a file for each part of the house that they show."""
