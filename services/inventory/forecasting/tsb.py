"""Teunter, Syntetos and Babai: for demand that comes now and then in sizes that vary, and may be dying out.

Not the interval but the chance of demand is smoothed, every day, so that the rate falls while nothing is sold:
"Intermittent demand: linking forecasting to inventory obsolescence", European Journal of Operational Research 214 (2011).
"""

from services.inventory.domain.forecasting import Demand, Forecast, Forecaster, known

ALPHA = 0.1
"""Weight of the newest size."""
BETA = 0.02
"""Weight of the newest day in the chance of demand: smaller, since it moves every day."""


def forecast(demand: Demand, days: int) -> Forecast:
    """The same rate on each day. It starts from the mean of all that is known."""
    past = known(demand)
    sizes = [pieces for pieces in past if pieces > 0]
    if not sizes:
        return (0.0,) * days
    size, chance = sum(sizes) / len(sizes), len(sizes) / len(past)
    for pieces in past:
        chance += BETA * ((pieces > 0) - chance)
        if pieces > 0:
            size += ALPHA * (pieces - size)
    return (size * chance,) * days


FORECASTER = Forecaster(name="tsb", label="TSB", forecast=forecast)
