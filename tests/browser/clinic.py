"""What a clinic might answer: enough of a talk for the page to be looked at and used."""

from collections.abc import Sequence

OFFERS = [
    "Thu 26 Nov, 09:20 · Dr Amara Okafor, Lindenhof 12",
    "Thu 26 Nov, 10:40 · Dr Amara Okafor, Lindenhof 12",
    "Thu 26 Nov, 11:00 · Dr Jonas Weber, Riverside 3",
]


def answer(said: str) -> Sequence[tuple[str, Sequence[str]]]:
    """Offers times to whoever asks for a doctor, books what is chosen, and repeats anything else."""
    if "doctor" in said:
        return [
            ("Skin doctors are free on Thursday morning at these times. Which one suits you?", [*OFFERS, "Other times"])
        ]
    if said in OFFERS:
        text = (
            f"Booked: {said}\n\nFor: Maria Keller\nPlease bring your insurance card.\n\nYou can undo this until 09:45."
        )
        return [(text, ["Undo", "Add to my calendar"])]
    if said == "Undo":
        return [("Undone. The time is free again. Is there another one that suits you?", OFFERS[:2])]
    return [(f"You said: {said}", ())]
