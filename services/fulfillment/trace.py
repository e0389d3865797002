"""Asking a provider where a parcel is, now: for people who cannot wait for the next push."""

from __future__ import annotations

from chassis import plugins
from chassis.clock import Clock
from chassis.errors import StartRefused
from chassis.outgoing import NoAnswer, Outgoing
from services.fulfillment.calls import peer_of
from services.fulfillment.carriers import CallFailed, FailureKind, HttpAnswer, Provider, Seen
from services.fulfillment.settings import FulfillmentSettings


async def trace(
    settings: FulfillmentSettings, waybill_no: str, phone: str, clock: Clock, outgoing: Outgoing
) -> tuple[Seen, ...] | CallFailed:
    """Return every step the provider knows, the oldest first; nothing is recorded.

    `phone` is the sender's or the receiver's. Raises StartRefused where the provider cannot be asked.
    """
    peer = peer_of(settings)
    tracking = plugins.load("services.fulfillment.carriers", "PROVIDER", Provider)[
        peer.name
    ].tracking
    if tracking is None or tracking.routes is None:
        raise StartRefused(f"{peer.name} tells no routes: see DANSHU_FULFILLMENT_WAYBILL_PROVIDER")
    if not peer.account.url:
        raise StartRefused("DANSHU_FULFILLMENT_WAYBILL_URL is not set")
    request = tracking.routes.request(peer.account, waybill_no, phone, clock.now())
    try:
        came = await outgoing.call("POST", request.url, headers=request.headers, body=request.body)
    except NoAnswer as error:
        return CallFailed(kind=FailureKind.AGAIN, code=str(error), detail="")
    return tracking.routes.read(HttpAnswer(status=came.status, body=came.body))
