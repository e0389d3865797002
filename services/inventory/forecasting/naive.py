"""The last known day, again and again: what every other forecaster has to beat.

Hyndman & Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), §5.2, "naïve method".
"""

from services.inventory.domain.forecasting import Demand, Forecast, Forecaster, known


def forecast(demand: Demand, days: int) -> Forecast:
    """The last known day on each day."""
    return (float(known(demand)[-1]),) * days


FORECASTER = Forecaster(name="naive", label="昨天一样", forecast=forecast)
