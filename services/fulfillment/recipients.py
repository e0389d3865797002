"""Opening the personal block for a label: the only place of this service where a receiver is in clear.

What comes out lives for one call and is never logged, stored or published.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from chassis.crypto import KeyDestroyed, PersonalSeal, SealBroken
from services.fulfillment.carriers import Address, Recipient
from services.fulfillment.domain.model import Parcel


class _Personal(msgspec.Struct, frozen=True, kw_only=True):
    """The block as ingest seals it.

    A cipher goes before the mask that stands for it on screens, and what is fit for a label before the original.
    """

    name: str = ""
    phone: str = ""
    address: str = ""
    name_cipher: str = ""
    phone_cipher: str = ""
    address_cipher: str = ""
    receiver_key: str = ""
    label_name: str = ""
    label_phone: str = ""
    label_address: str = ""


class Unaddressed(msgspec.Struct, frozen=True):
    """Why a parcel cannot be addressed: a code that goes into WaybillRefused."""

    code: str


_decoder = msgspec.json.Decoder(_Personal)


def recipient_of(
    seal: PersonalSeal, parcel: Parcel, wrapped_keys: Mapping[str, bytes]
) -> Recipient | Unaddressed:
    """Return who gets a parcel. Ciphers and masks pass through as the channel gave them."""
    if not parcel.province:
        # Carriers route by province and leave such parcels out of their answers without a word.
        return Unaddressed("receiver_region_missing")
    if not parcel.personal:
        return Unaddressed("receiver_missing")
    try:
        block = seal.open_block(parcel.personal, parcel.order_id, wrapped_keys.get(parcel.order_id))
        if isinstance(block, KeyDestroyed):
            return Unaddressed("receiver_erased")
        personal = _decoder.decode(block)
    except (SealBroken, msgspec.MsgspecError):
        return Unaddressed("receiver_unreadable")
    return Recipient(
        name=personal.name_cipher or personal.label_name or personal.name,
        mobile=personal.phone_cipher or personal.label_phone or personal.phone,
        address=Address(
            province=parcel.province,
            city=parcel.city,
            district=parcel.district,
            detail=personal.address_cipher or personal.label_address or personal.address,
        ),
        receiver_key=personal.receiver_key,
    )
