"""The marketplaces there are, found by what lies in their folder.

Guarantees: largest default weight first, then by name, so that the n-th order of a seed stays the same
order when a marketplace without weight comes.
"""

from importlib import import_module

from simulators.marketplaces import Marketplace
from simulators.orders import CHANNELS, Shop


def _found() -> dict[str, Marketplace]:
    found: list[Marketplace] = [
        import_module(f"simulators.marketplaces.{name}").MARKETPLACE for name in CHANNELS
    ]
    return {one.name: one for one in sorted(found, key=lambda one: (-one.weight, one.name))}


MARKETPLACES = _found()
SHOPS: tuple[Shop, ...] = tuple(shop for one in MARKETPLACES.values() for shop in one.shops)
