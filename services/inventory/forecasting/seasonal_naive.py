"""The same weekday's last known value: the bar for demand with a weekly season.

Hyndman & Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), §5.2, "seasonal naïve method".
"""

from services.inventory.domain.forecasting import WEEK_DAYS, Demand, Forecast, Forecaster, known


def forecast(demand: Demand, days: int) -> Forecast:
    """The last known value of each day's weekday; where none is known, the last known day."""
    latest: dict[int, int] = {}
    for day, pieces in enumerate(demand):
        if pieces is not None:
            latest[day % WEEK_DAYS] = pieces
    otherwise = known(demand)[-1]
    end = len(demand)
    return tuple(float(latest.get(day % WEEK_DAYS, otherwise)) for day in range(end, end + days))


FORECASTER = Forecaster(name="seasonal-naive", label="上周同日", forecast=forecast)
