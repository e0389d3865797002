from simulators.catalog import catalog


def test_the_catalogue_is_the_same_for_the_same_seed() -> None:
    catalog.cache_clear()
    first = catalog(7)
    catalog.cache_clear()
    assert catalog(7) == first
    assert catalog(8) != first


def test_every_sku_has_a_code_and_a_number_of_its_own() -> None:
    skus = catalog(7).skus
    assert [sku.number for sku in skus] == list(range(1, 401))
    assert len({sku.code for sku in skus}) == 400


def test_every_warehouse_says_what_it_holds_of_every_sku() -> None:
    found = catalog(7)
    assert {row.warehouse for row in found.stock} == {"HZ", "HF", "GZ"}
    assert len({(row.warehouse, row.sku) for row in found.stock}) == 1_200
    scarce = [row.quantity for row in found.stock if row.sku in found.scarce]
    assert max(scarce) < 15


def test_the_multiplier_leaves_scarce_skus_scarce() -> None:
    small, large = catalog(7), catalog(7, 10)
    for before, after in zip(small.stock, large.stock, strict=True):
        grows = 1 if before.sku in small.scarce else 10
        assert after.quantity == before.quantity * grows
