"""An operator's order of flats for one night: `Ha, OIII x20, L`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime

from capture.config import RigConfig
from capture.errors import BadInput
from capture.journal import Entry
from capture.night.needs import known_filters
from capture.store.archive import Archive
from capture.store.orders import OrderedFlats

# The x stands apart, as a filter's name may end in one.
_ORDERED = re.compile(r"^(?P<filter>.+?)(\s+x\s*(?P<count>\d+))?$")


def give_order(
    archive: Archive, rig: RigConfig, night: date, text: str, now: datetime, who: str, why: str = ""
) -> str:
    """Keep, or with an empty text take back, the order for that night; return what is said of it.

    Raises BadInput, StoreError.
    """
    flats = parse_order(text, known_filters(rig, archive.catalogue))
    archive.catalogue.told.set_order(rig.name, night, flats, now, who, why)
    said = f"ordered for {night}: {', '.join(map(str, flats))}" if flats else f"no order for {night} any more"
    said += f" by {who}" + (f": {why}" if why else "")
    archive.catalogue.add_entry(Entry(now, rig.name, "order", said))
    return said


def parse_order(text: str, known: Sequence[str]) -> list[OrderedFlats]:
    """`Ha, OIII x20, L` as data; `known`: the rig's filters, empty when they are not known.

    Raises BadInput naming the part that is wrong and what is right.
    """
    flats: list[OrderedFlats] = []
    for part in (part.strip() for part in text.split(",")):
        found = _ORDERED.match(part)
        if not part or found is None:
            if text.strip():
                raise BadInput(f"the order {text!r} has an empty part; write it as Ha, OIII x20, L")
            continue
        name, count = found["filter"].strip(), int(found["count"]) if found["count"] else None
        if known and name not in known:
            raise BadInput(f"the order wants {name!r}, but known filters are {', '.join(known)}")
        if count is not None and not 1 <= count <= 1000:
            raise BadInput(f"the order wants {count} of {name}; a count is from 1 to 1000")
        if name in (one.filter for one in flats):
            raise BadInput(f"the order names {name} twice; give one count")
        flats.append(OrderedFlats(name, count))
    return flats
