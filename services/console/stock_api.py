"""The stock part of the console's JSON API (api.py)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query

from services.console.stock_health import StockDifferences, StockHealth
from services.console.stock_sections.replenishment import Suggestions
from services.console.stock_views import SHOWING, SkuDetail, SkuList, StockFilters
from services.console.web import AtDesk

SKUS_MAX = 200

router = APIRouter(prefix="/stock")


def filters(
    *,
    show: Annotated[str, Query(description=f"只看：{'、'.join(SHOWING)}")] = "",
    q: Annotated[str, Query(description="SKU 或它的一部分", max_length=64)] = "",
    after: Annotated[str, Query(description="上一页给出的游标")] = "",
) -> StockFilters:
    """What the board is narrowed to; values that mean nothing are left out."""
    return StockFilters(show=show, query=q, after=after).sane()


Narrowed = Annotated[StockFilters, Depends(filters)]


@router.get("", summary="SKU 列表，最需要处理的在前")
async def skus(
    desk: AtDesk,
    narrowed: Narrowed,
    limit: Annotated[int, Query(ge=1, le=SKUS_MAX, description="每页 SKU 数")] = 50,
) -> SkuList:
    """One page; go on with `after` of the answer until it is empty."""
    return await desk.stock_views.skus(narrowed, limit)


@router.get("/health", summary="库存健康：延迟、差异率、超卖")
async def health(desk: AtDesk) -> StockHealth:
    """How the stock stands as a whole."""
    return await desk.stock_whole.health()


@router.get("/differences", summary="最近的对账、待处理的差异和任务")
async def differences(desk: AtDesk) -> StockDifferences:
    """What differs from the world outside, and what is to be done about it."""
    return await desk.stock_whole.differences()


@router.get("/suggestions", summary="补货建议和低于安全库存的行")
async def suggestions(desk: AtDesk) -> Suggestions:
    """What to order, and why."""
    return await desk.stock_whole.suggestions()


@router.get(
    "/skus/{sku:path}",
    summary="一个 SKU 的水位、预占、进出和差异",
    response_model=SkuDetail,
    responses={404: {"description": "问题说明（application/problem+json）"}},
)
async def sku(
    desk: AtDesk, sku: Annotated[str, Path(description="商家 SKU", max_length=200)]
) -> Any:
    """All that is known of it; a part with nothing to say is null."""
    detail = await desk.stock_views.sku(sku)
    if detail is None:
        raise HTTPException(404)
    return detail
