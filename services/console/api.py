"""The console's JSON API and its live stream. docs/openapi-console.json is rendered from here (openapi.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from starlette.responses import StreamingResponse

from services.console import live, stock_api
from services.console.shop_views import ORDERINGS, ShopDetail, ShopList
from services.console.views import Filters, FunnelStep, OrderDetail, OrderList
from services.console.web import AtDesk, SignedIn, signed_in

ORDERS_MAX = 200
PROBLEM = {"description": "问题说明（application/problem+json）"}

router = APIRouter(
    prefix="/api", dependencies=[Depends(signed_in)], responses={401: PROBLEM, 422: PROBLEM}
)

router.include_router(stock_api.router)


def filters(
    *,
    state: Annotated[str, Query(description="订单状态代码")] = "",
    channel: Annotated[str, Query(description="平台代码")] = "",
    hour: Annotated[str, Query(description="下单小时（北京时间），如 2026-11-11T09")] = "",
    flag: Annotated[str, Query(description="标记代码")] = "",
    q: Annotated[str, Query(description="订单号、平台订单号或运单号", max_length=64)] = "",
    before: Annotated[str, Query(description="上一页给出的游标")] = "",
) -> Filters:
    """What a list is narrowed to; values that mean nothing are left out."""
    return Filters(
        state=state, channel=channel, hour=hour, flag=flag, query=q, before=before
    ).sane()


Narrowed = Annotated[Filters, Depends(filters)]


@router.get("/orders", summary="订单列表，新的在前")
async def orders(
    desk: AtDesk,
    narrowed: Narrowed,
    limit: Annotated[int, Query(ge=1, le=ORDERS_MAX, description="每页订单数")] = 50,
) -> OrderList:
    """One page; go on with `before` of the answer until it is empty."""
    return await desk.views.orders(narrowed, limit)


@router.get("/funnel", summary="各状态的订单数")
async def funnel(desk: AtDesk, narrowed: Narrowed) -> tuple[FunnelStep, ...]:
    """Counts under all filters but the state's; with a flag of its newest 1000 orders."""
    return await desk.views.funnel(narrowed)


@router.get("/shops", summary="各渠道店铺的状态")
async def shops(
    desk: AtDesk,
    sort: Annotated[str, Query(description=f"排序：{'、'.join(ORDERINGS)}")] = "trouble",
) -> ShopList:
    """Every shop, the worst first unless asked otherwise, and the newest refusals of write-backs."""
    return await desk.shop_views.shops(sort)


@router.get("/shops/{shop_key:path}", summary="一家店铺的状态", responses={404: PROBLEM})
async def shop(
    desk: AtDesk,
    shop_key: Annotated[str, Path(description="店铺键 channel|shop", max_length=200)],
) -> ShopDetail:
    """One shop with what was refused and quarantined last."""
    detail = await desk.shop_views.shop(shop_key)
    if detail is None:
        raise HTTPException(404)
    return detail


@router.get(
    "/live",
    summary="实时变化（Server-Sent Events）",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "hello、beat（until：数据至，late：停住了，waiting：没有读进来的条数）、"
            "changed（orders：变化的订单号，many：未列全）",
        },
        503: PROBLEM,
    },
)
async def changes(desk: AtDesk, session: SignedIn) -> StreamingResponse:
    """Names of changed orders, at most every half a second; ask for the orders themselves."""
    stream, interval_s = desk.broadcast.page(), desk.settings.live_interval_ms / 1000
    try:
        page = stream.__enter__()
    except live.TooManyPages:
        raise HTTPException(503, "打开的实时页面太多，请稍后再试") from None

    async def body() -> AsyncIterator[bytes]:
        try:
            async for event in live.events(page, interval_s, desk.reading):
                yield event
                if desk.views.now() >= session.expires_at:
                    return
        finally:
            stream.__exit__(None, None, None)

    return StreamingResponse(
        body(),
        media_type="text/event-stream",
        # A proxy that collects answers would make "live" a matter of minutes.
        headers={"x-accel-buffering": "no"},
    )


@router.get("/session", include_in_schema=False)
async def session_now(session: SignedIn) -> dict[str, str]:
    """What a form that was opened in an earlier session must bring back now."""
    return {"form_token": session.form_token}


@router.get("/orders/{order_id:path}", summary="一个订单和它的时间轴", responses={404: PROBLEM})
async def order(
    desk: AtDesk, order_id: Annotated[str, Path(description="订单号", max_length=200)]
) -> OrderDetail:
    """All that is known of it; the receiver is masked."""
    detail = await desk.views.order(order_id)
    if detail is None:
        raise HTTPException(404)
    return detail
