"""A small clinic of one's own as spreadsheets, and what becomes of their rows."""

from collections.abc import Mapping

from sqlalchemy import Engine

from core.database import run, transaction
from core.exchange import importing
from core.exchange.fates import Fate
from tests.demo_clinic import VAULT

CLINIC = {
    "organization": "name,short_name,phone,notice_hours\nElm Street Practice,Elm Street,(207) 555-0199,24\n",
    "locations": "id,name,address,zone,emergency_number\nelm,Elm Street,1 Elm Street,America/New_York,911\n",
    "insurances": "id,name,words\naetna,Aetna Inc,aetna\n",
    "visit_types": "id,name,minutes,specialty,minutes_after,booked_by\nskin,Skin check,20,dermatology,10,anybody\n",
    "practitioners": "id,title,given_name,family_name,specialties,visit_types,insurances,languages\n"
    "lee,Dr,Grace,Lee,dermatology,skin,aetna,en|es\n",
    "hours": "practitioner,location,weekdays,from,until,every_minutes\nlee,elm,Mon-Fri,9:00,12:00,20\nlee,elm,Mon-Thu,1 PM,5 PM,20\n",
    "time_off": "practitioner,from,until\nlee,2031-03-12,2031-03-13\n",
    "holidays": "location,date,name\n,2031-12-25,Christmas Day\n",
    "patients": "id,name,birth_date,phone\np1,Ana Lima,1990-05-03,+1 207 555 0100\np2,Ben Okonkwo,1971-06-08,\n",
    "visits": "id,patient,practitioner,visit_type,location,start\nv1,p1,lee,skin,elm,2031-03-10 09:00\nv2,p2,lee,skin,elm,2031-03-10 09:20\n",
}


def take_in(engine: Engine, folder: Mapping[str, str | bytes], **more: str) -> list[Fate]:
    raw = {name: text if isinstance(text, bytes) else text.encode() for name, text in {**folder, **more}.items()}
    with transaction(engine) as session:
        return importing.take_in(session, VAULT, raw)


def refusals(fates: list[Fate]) -> dict[tuple[str, int], str]:
    return {(fate.file, fate.row): fate.about for fate in fates if fate.what == "refused"}


def count(engine: Engine, table: str) -> int:
    with transaction(engine) as session:
        return int(run(session, f"SELECT count(*) FROM {table}").fetchall()[0][0])  # noqa: S608
