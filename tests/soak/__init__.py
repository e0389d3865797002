"""The long run: every channel, every fault, outages in its middle, and the checker at its end."""
