"""Integers: sequences, what constrains them, and how to condition on it. No music here."""
