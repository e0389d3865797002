"""Croston's method with the correction of Syntetos and Boylan: for demand that comes now and then, in like sizes.

Size and interval are smoothed apart, on days with demand only: Croston, "Forecasting and stock control for intermittent
demands", Operational Research Quarterly 23 (1972). Their ratio is too high by about α/2, which the factor takes
away: Syntetos & Boylan, "The accuracy of intermittent demand estimates", Int. J. of Forecasting 21 (2005).
"""

from services.inventory.domain.forecasting import Demand, Forecast, Forecaster, known

ALPHA = 0.1
"""Weight of the newest size and interval; the authors use 0.05 to 0.2."""


def forecast(demand: Demand, days: int) -> Forecast:
    """The same rate on each day. Intervals are counted in known days."""
    past = known(demand)
    at = [day for day, pieces in enumerate(past) if pieces > 0]
    if not at:
        return (0.0,) * days
    size = sum(past[day] for day in at) / len(at)
    interval = len(past) / len(at)
    previous = -1
    for day in at:
        size += ALPHA * (past[day] - size)
        interval += ALPHA * (day - previous - interval)
        previous = day
    return ((1 - ALPHA / 2) * size / interval,) * days


FORECASTER = Forecaster(name="croston-sba", label="Croston（SBA 修正）", forecast=forecast)
