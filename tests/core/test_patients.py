"""What we call a patient."""

import pytest

from core.people.patients import Patient


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Mia Stone", "Mia"),
        ("Dr. Hans Meier", "Hans"),
        ("Prof. Dr. Eva Lang", "Eva"),
        ("J. Robert Oppenheimer", "Robert"),
        ("Cher", "Cher"),
        ("B. B.", "B."),
    ],
)
def test_somebody_is_called_by_the_first_name(name: str, called: str) -> None:
    assert Patient(1, name).first_name == called


def test_namesakes_are_told_apart() -> None:
    assert Patient(1, "Mia Stone", more="S.").first_name == "Mia S."
