"""The clock of campaigns: asks that they begin and end when it is time, and hears of which SKUs any are open.

Guarantees: one process asks; the single writer decides, so that a campaign begins and ends once. What was due while nobody
looked is asked for at the next look; one whose whole time has passed ends without having begun.
"""

from __future__ import annotations

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.errors import Unavailable
from chassis.ids import request_id
from chassis.postgres import AWAY, Pool
from schemas.events.commands_inventory import BeginCampaign, CloseCampaign
from services.inventory.shares import CAMPAIGNS, OpenCampaigns
from services.inventory.timers import LEAD_CAMPAIGNS, Asking, leading

DUE_MAX = 500
ACTOR = "timer:campaigns"
TIME_IS_OVER = "time is over"


class CampaignWatch:
    """Looks which campaigns are due."""

    def __init__(
        self, pool: Pool, desk: CommandDesk, clock: Clock, campaigns: OpenCampaigns
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._asking = Asking(desk, clock)
        self._campaigns = campaigns

    async def look(self) -> int:
        """Asks for what is due; returns for how many it asked. Raises Unavailable."""
        async with leading(self._pool, LEAD_CAMPAIGNS) as connection:
            if connection is None:
                return 0
            now = self._clock.now()
            due = await connection.fetch(CAMPAIGNS["due"], now, DUE_MAX)
            commands: list[BeginCampaign | CloseCampaign] = []
            for row in due:
                document_no: str = row["key"]
                if row["is_over"]:
                    commands.append(
                        CloseCampaign(
                            document_no=document_no,
                            command_id=request_id("end", "campaign", document_no),
                            issued_at=now,
                            actor=ACTOR,
                            reason=TIME_IS_OVER,
                        )
                    )
                else:
                    commands.append(
                        BeginCampaign(
                            document_no=document_no,
                            command_id=request_id("begin", "campaign", document_no),
                            issued_at=now,
                            actor=ACTOR,
                        )
                    )
            return await self._asking.issue(commands)

    async def listen(self) -> None:
        """Hears of which SKUs pieces are set aside: every process, for itself. Raises Unavailable."""
        try:
            await self._campaigns.refresh(self._pool)
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
