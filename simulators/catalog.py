"""What the merchant sells and where it lies.

Guarantees: `catalog(seed)` is the same for the same seed, on every machine: 400 SKUs,
three warehouses, and the stock each of them starts with. Hot SKUs sell most;
scarce ones have so few pieces that they run out early.
"""

from functools import lru_cache
from random import Random

import msgspec

CATEGORIES = {
    "clothing": (
        "CL",
        (2_990, 39_900),
        (120, 900),
        "纯棉T恤 运动袜 防晒衣 牛仔裤 卫衣 衬衫 羽绒马甲 针织开衫 睡衣套装 运动短裤",
    ),
    "food": (
        "FD",
        (990, 12_900),
        (200, 2_500),
        "每日坚果 燕麦片 山核桃仁 牛肉干 挂耳咖啡 龙井茶 黑芝麻丸 螺蛳粉 蜂蜜 海苔脆",
    ),
    "electronics": (
        "EL",
        (1_990, 89_900),
        (80, 3_000),
        "数据线 蓝牙音箱 充电宝 台灯 电热水壶 空气炸锅 键盘 鼠标 耳机 电动牙刷",
    ),
    "home": (
        "HM",
        (1_590, 25_900),
        (150, 4_000),
        "四件套 收纳袋 保温杯 拖把 浴巾 抱枕 切菜板 衣架 垃圾袋 香薰",
    ),
}
VARIANTS = ("雾蓝", "米白", "墨绿", "浅灰", "珊瑚", "藏青", "奶咖", "原木", "樱粉", "曜黑")
HOT_COUNT = 12
SCARCE_COUNT = 12


class Sku(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the merchant sells; `code` is the merchant's own, channels make their ids of `number`."""

    number: int
    code: str
    product_code: str
    title: str
    variant: str
    category: str
    unit_price_fen: int
    weight_g: int


class Warehouse(msgspec.Struct, frozen=True, kw_only=True):
    """One place where stock lies."""

    code: str
    name: str
    province: str
    city: str
    district: str


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces of one SKU in one warehouse before the first order."""

    warehouse: str
    sku: str
    quantity: int


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """SKUs, warehouses, initial stock; `hot` and `scarce` name SKU codes."""

    skus: tuple[Sku, ...]
    warehouses: tuple[Warehouse, ...]
    stock: tuple[Stock, ...]
    hot: tuple[str, ...]
    scarce: tuple[str, ...]


WAREHOUSES = (
    Warehouse(code="HZ", name="杭州仓", province="浙江省", city="杭州市", district="余杭区"),
    Warehouse(code="HF", name="合肥仓", province="安徽省", city="合肥市", district="蜀山区"),
    Warehouse(code="GZ", name="广州仓", province="广东省", city="广州市", district="白云区"),
)


@lru_cache(maxsize=8)
def catalog(seed: int, stock_multiplier: int = 1) -> Catalog:
    """Return the catalogue of `seed`; ordinary stock (not the scarce one) grows with the multiplier."""
    rng = Random(f"catalog:{seed}")
    skus = _draw_skus(rng)
    codes = [sku.code for sku in skus]
    special = rng.sample(codes, HOT_COUNT + SCARCE_COUNT)
    hot, scarce = tuple(special[:HOT_COUNT]), tuple(special[HOT_COUNT:])
    return Catalog(
        skus=skus,
        warehouses=WAREHOUSES,
        stock=_draw_stock(rng, codes, hot, scarce, stock_multiplier),
        hot=hot,
        scarce=scarce,
    )


def _draw_skus(rng: Random) -> tuple[Sku, ...]:
    skus: list[Sku] = []
    for category, (prefix, prices_fen, weights_g, names) in CATEGORIES.items():
        for product_no, name in enumerate(names.split(), start=1):
            price_fen = rng.randrange(prices_fen[0], prices_fen[1], 10)
            weight_g = rng.randrange(*weights_g, 10)
            for variant_no, variant in enumerate(VARIANTS, start=1):
                product_code = f"{prefix}{product_no:02d}"
                skus.append(
                    Sku(
                        number=len(skus) + 1,
                        code=f"{product_code}-{variant_no:02d}",
                        product_code=product_code,
                        title=f"示例 {name} {variant}",
                        variant=variant,
                        category=category,
                        unit_price_fen=price_fen + 100 * (variant_no % 3),
                        weight_g=weight_g,
                    )
                )
    return tuple(skus)


def _draw_stock(
    rng: Random, codes: list[str], hot: tuple[str, ...], scarce: tuple[str, ...], multiplier: int
) -> tuple[Stock, ...]:
    rows: list[Stock] = []
    for code in codes:
        for warehouse in WAREHOUSES:
            if code in scarce:
                quantity = rng.randrange(2, 15)
            else:
                quantity = rng.randrange(800, 2_400) * multiplier * (10 if code in hot else 1)
            rows.append(Stock(warehouse=warehouse.code, sku=code, quantity=quantity))
    return tuple(rows)
