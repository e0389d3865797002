"""The backtest: its measures by hand, and what it says of the synthetic set that ships."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.backtesting import CHOSEN, app, beats, scored
from cli.sales_history import days_before
from services.inventory.demand_sheets import DemandSheet, read_demand
from services.inventory.domain.backtesting import guesses, score
from services.inventory.domain.forecasting import Forecaster, pattern
from services.inventory.parameters import read_parameters
from services.inventory.replenishing import SoldOfSku
from services.inventory.sheets import SheetBroken
from simulators import demand as synthetic

PARAMETERS = read_parameters(Path(__file__).parents[3] / "rules")
SERIES = read_demand(synthetic.COMMITTED.read_bytes()).series
TEN = Forecaster(name="ten", label="", forecast=lambda _demand, days: (10.0,) * days)


def test_the_committed_set_is_the_one_its_seed_makes() -> None:
    committed = synthetic.COMMITTED.read_text(encoding="utf-8")
    assert committed == synthetic.text(), "run: python -m simulators.demand"


def test_the_set_has_what_it_promises() -> None:
    classes = Counter(pattern(days).demand_class for days in SERIES.values())
    assert classes == {"smooth": 8, "erratic": 4, "intermittent": 6, "lumpy": 6}
    for sku, days in SERIES.items():
        assert len(days) == synthetic.DAYS
        assert 3 <= sum(day is None for day in days) <= 18, sku


def test_the_chosen_forecasters_beat_naive_on_every_class() -> None:
    scores = {
        (one.demand_class, one.forecaster): one for one in scored(SERIES, PARAMETERS, horizon=14)
    }
    for demand_class in ("smooth", "erratic", "intermittent", "lumpy", "all"):
        chosen = scores[demand_class, CHOSEN]
        for bar in ("naive", "seasonal-naive"):
            assert chosen.origins == scores[demand_class, bar].origins > 100
            assert chosen.mase < 0.9 * scores[demand_class, bar].mase
            assert chosen.wape < 0.9 * scores[demand_class, bar].wape
        assert abs(chosen.bias) < 0.1
    assert scores["all", CHOSEN].mase < 1


@pytest.mark.parametrize("seed", [1, 2])
def test_they_beat_it_on_demand_nobody_tuned_them_for(seed: int) -> None:
    assert beats(scored(read_demand(synthetic.text(seed).encode()).series, PARAMETERS, horizon=14))


def test_a_forecaster_that_is_no_better_than_naive_is_told_apart() -> None:
    class Lazy:
        forecasters = PARAMETERS.forecasters

        def forecaster(self, _demand_class: str) -> Forecaster:
            return PARAMETERS.forecasters["naive"]

    assert not beats(scored(SERIES, Lazy(), horizon=14))  # type: ignore[arg-type]
    assert not beats([])


def test_the_measures_by_hand() -> None:
    # 84 days before: totals of 7 days are 70 and 140 in turn, so naive is off by 70. After: 100 a week, 10 a day foretold.
    past = ([10] * 7 + [20] * 7) * 6
    made = list(guesses({"a": [*past, 40, None, 60, 0, 0, 0, 0]}, lambda _: TEN, horizon_days=7))
    assert [(one.origin, one.forecast, one.actual, one.scale) for one in made] == [
        (84, 60.0, 100, 70.0)
    ]
    found = score("smooth", "ten", made)
    assert (found.skus, found.origins) == (1, 1)
    assert (found.mase, found.wape, found.bias) == pytest.approx((40 / 70, 0.4, -0.4))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("sku,day\na,2026-01-01", "line 1: no column pieces"),
        ("sku,day,pieces", "there is no line of demand"),
        ("sku,day,pieces\na|b,2026-02-03,1", "line 2: sku 'a|b' is no code"),
        ("sku,day,pieces\na,2026-02-30,1", "line 2: day '2026-02-30' is no day"),
        ("sku,day,pieces\na,2026-01-01,-1", "line 2: pieces '-1' is no whole number"),
        ("sku,day,pieces\na,2026-01-01,1.5", "line 2: pieces '1.5' is no whole number"),
        ("sku,day,pieces\n,2026-01-01,1", "line 2: sku is empty"),
        ("sku,day,pieces\na,2026-01-01", "line 2: pieces is empty"),
        ("sku,day,pieces,in_stock\na,2026-01-01,1,no", "line 2: in_stock 'no' is neither 1 nor 0"),
        ("sku,day,pieces\na,2026-01-01,1\na,2026-01-01,1", "line 3: a has 2026-01-01 in an"),
        ("sku,day,pieces\na,1026-01-01,1\na,2026-01-01,1", "is more than 3660 days"),
        ('sku,day,pieces\n"' + "x" * 140_000 + '",2026-01-01,1', "line 2: a cell is too long"),
        ('sku,day,pieces,x\na,2026-01-01,1,"15in\nb,2026-01-01,1,\n', "line 2: a quote is not"),
        ('"sku,day,pieces\na,2026-01-01,1\n', "line 1: a quote is not closed"),
    ],
)
def test_a_broken_file_is_named_by_its_line(lines: str, problem: str) -> None:
    with pytest.raises(SheetBroken) as broken:
        read_demand(lines.encode())
    assert problem in str(broken.value)


def test_days_no_line_names_sold_nothing() -> None:
    lines = (
        "SKU\tday\tpieces\tin_stock\na\t2026-01-03\t4\t\na\t2026-01-05\t0\t0\nb\t2026-01-01\t1\t1"
    )
    assert read_demand(lines.encode("gb18030")).series == {"a": (4, 0, None), "b": (1, 0, 0, 0, 0)}


def test_a_back_offices_titles_and_days_are_read() -> None:
    lines = (
        "商家编码,商品名称,销售日期,销量,有货\na,茶,2026/1/5,4,是\na,茶,2026/01/07 0:00:00,0,否\n"
    )
    sheet = read_demand(lines.encode("gb18030"))
    assert sheet == DemandSheet(last=date(2026, 1, 7), series={"a": (4, 0, None)})
    with pytest.raises(SheetBroken, match=r"line 1: more than one column is pieces"):
        read_demand("sku,day,pieces,销量\na,2026-01-05,1,1".encode())


def test_what_is_sent_of_a_file_are_the_newest_days_that_are_over() -> None:
    today = date(2026, 1, 6)
    sheet = DemandSheet(last=today, series={"a": (9, None, 4, 1), "new": (5,)})
    sent = days_before(today, sheet)
    assert sent == [SoldOfSku(sku="a", first_day=date(2026, 1, 3), pieces=(9, None, 4))]
    older = DemandSheet(last=date(2026, 1, 2), series={"a": tuple(range(500))})
    (kept,) = days_before(today, older)
    assert (len(kept.pieces), kept.pieces[-1], kept.last_day) == (400, 499, date(2026, 1, 2))


def test_the_command_says_what_it_measured(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["backtest"])
    assert result.exit_code == 0
    assert "Synthetic demand" in result.output
    assert "the chosen forecasters beat naive and seasonal-naive" in result.output
    short = tmp_path / "short.csv"
    short.write_text("sku,day,pieces\na,2026-01-01,1\n")
    result = CliRunner().invoke(app, ["backtest", str(short)])
    assert (result.exit_code, "no SKU has enough days" in result.output) == (1, True)
    short.write_text("sku,day,pieces\na,yesterday,1\n")
    result = CliRunner().invoke(app, ["backtest", str(short)])
    assert (result.exit_code, "line 2: day 'yesterday'" in result.output) == (1, True)
