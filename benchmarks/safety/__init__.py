"""Danger at every step of every sequence, judged by what the simulators were told and their world did."""
