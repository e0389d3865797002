"""Where buyers live: a few regions in the spellings of the platforms.

Guarantees: municipalities, a province-governed city without districts of its own (济源) and a city
without districts (东莞) are among them, because those break address code first.
"""

import msgspec


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """One place; names as Taobao and Douyin write them, `jd_province` as JD does."""

    province: str
    city: str
    district: str
    town: str
    jd_province: str
    code: str


def _region(province: str, city: str, district: str, town: str, code: str) -> Region:
    short = province.removesuffix("省").removesuffix("市")
    return Region(
        province=province,
        city=city,
        district=district,
        town=town,
        jd_province=short.removesuffix("壮族自治区"),
        code=code,
    )


NOWHERE = Region(province="", city="", district="", town="", jd_province="", code="0")

REGIONS = (
    _region("浙江省", "杭州市", "余杭区", "仓前街道", "330110"),
    _region("浙江省", "宁波市", "鄞州区", "下应街道", "330212"),
    _region("浙江省", "温州市", "鹿城区", "五马街道", "330302"),
    _region("江苏省", "南京市", "玄武区", "梅园新村街道", "320102"),
    _region("江苏省", "苏州市", "吴中区", "长桥街道", "320506"),
    _region("上海市", "上海市", "浦东新区", "张江镇", "310115"),
    _region("上海市", "上海市", "闵行区", "莘庄镇", "310112"),
    _region("安徽省", "合肥市", "蜀山区", "三里庵街道", "340104"),
    _region("安徽省", "芜湖市", "镜湖区", "赭山街道", "340202"),
    _region("湖北省", "武汉市", "洪山区", "关山街道", "420111"),
    _region("河南省", "郑州市", "金水区", "经八路街道", "410105"),
    _region("河南省", "", "济源市", "沁园街道", "419001"),
    _region("山东省", "济南市", "历下区", "解放路街道", "370102"),
    _region("北京市", "北京市", "朝阳区", "望京街道", "110105"),
    _region("北京市", "北京市", "海淀区", "中关村街道", "110108"),
    _region("天津市", "天津市", "和平区", "劝业场街道", "120101"),
    _region("广东省", "广州市", "天河区", "石牌街道", "440106"),
    _region("广东省", "深圳市", "南山区", "粤海街道", "440305"),
    _region("广东省", "东莞市", "", "南城街道", "441900"),
    _region("广西壮族自治区", "南宁市", "青秀区", "新竹街道", "450103"),
    _region("福建省", "厦门市", "思明区", "筼筜街道", "350203"),
    _region("四川省", "成都市", "武侯区", "桂溪街道", "510107"),
    _region("重庆市", "重庆市", "渝中区", "解放碑街道", "500103"),
    _region("陕西省", "西安市", "雁塔区", "小寨路街道", "610113"),
)
