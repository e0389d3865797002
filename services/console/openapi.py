"""The API's OpenAPI document. `python -m services.console.openapi` writes docs/openapi-console.json anew."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from chassis.service import VERSION
from services.console import api
from services.console.web import SESSION_COOKIE, SignedIn

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi-console.json"


def document() -> dict[str, object]:
    """The OpenAPI document of the JSON API."""
    described = get_openapi(
        title="单枢控制台 API",
        version=VERSION,
        description="订单、时间轴、渠道店铺、库存和实时变化，只读。先在 /login 登录，凭会话 Cookie 访问。"
        "金额单位为分，时间为 UTC。",
        routes=api.router.routes,
    )
    session = {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE}
    described["components"]["securitySchemes"] = {"session": session}
    described["security"] = [{"session": []}]
    return described


def rendered() -> str:
    """The document as it is committed."""
    return json.dumps(document(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


async def door(_session: SignedIn) -> Response:
    """The document, for those who are signed in."""
    return JSONResponse(document())


if __name__ == "__main__":
    COMMITTED.write_text(rendered(), encoding="utf-8")
