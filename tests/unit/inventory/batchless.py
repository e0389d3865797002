"""Stock of SKUs without batches, for the doubles of other tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.extension_facts import Told
from schemas.events.orders import ChannelExtension
from services.inventory.domain.batches import Batch, Portion, Unfit
from services.inventory.domain.model import Goods, Hold


class NoBatches:
    """Answers as locked rows without batches do."""

    def spare(self, warehouse: str, sku: str) -> int:
        """Pieces promised to nobody."""
        raise NotImplementedError

    def sourcing_facts(self, channel: str, extension: ChannelExtension | None) -> Told:
        """None: the table asks for none."""
        return ()

    def gone_with(self, order_id: str) -> Hold | None:
        """None: no reservation was handed over."""
        return None

    def shelf(self, warehouse: str, sku: str) -> Mapping[str, Batch]:
        """None."""
        return {}

    def first_expired(self, warehouse: str, goods: Goods) -> tuple[Portion, ...]:
        """None."""
        return ()

    def objection(
        self, warehouse: str, goods: Goods, portions: Sequence[Portion], *, new: bool = False
    ) -> Unfit | None:
        """What would take promised pieces."""
        short = (sku for sku, pieces in goods if pieces + self.spare(warehouse, sku) < 0)
        return next((Unfit("below_reserved", sku) for sku in short), None)
