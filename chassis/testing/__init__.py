"""Doubles that ship with the chassis and pass the same suite as the real parts."""
