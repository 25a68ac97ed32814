"""A clinic made by somebody who sits at a terminal: by questions that take wrong answers, and from folders as people keep them."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.config import Settings
from core.database import open_engine, run, transaction
from core.exchange.fates import Fate
from frontdesk import cli, reporting, setup
from frontdesk.errors import CannotRun

# A wrong answer stands before the one that is taken.
ANSWERS = [
    *("", "Elm Street Practice", "Elm", "xx_YY", "en-US", "nonsense", "(207) 555-0199", "www.example.org", ""),
    *("Elm Street", "1 Elm St", "Mars/Phobos", "America/New_York", "", "Mon-Fri 17-9", "9-17", "Mon - Fri 9 am - 5 pm"),
    *("Dr Grace Lee", "brain stuff", "skin doctor", "zero", "30", "Mon-Thu 8:30 - 12"),
    *("Kim", "Dentist", "600", "", ""),
]
REPROACHES = [
    "This one is needed.",
    "That must be a language and a country such as en_US.",
    "That must be a phone number such as (207) 555-0199.",
    "That must be an address of a page such as https://example.org/privacy.",
    "That must be the name of a time zone such as America/New_York.",
    "That must be an end that is after the beginning, such as Mon-Fri 9:00-17:00.",
    "That must be weekdays and times such as Mon-Fri 9:00-17:00.",
    "That must be a specialty such as dermatology, dentist or skin doctor (`frontdesk setup --specialties`).",
    "That must be a whole number from 1 to 1440.",
]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, settings: Settings, engine: Engine) -> Callable[..., int]:
    """Sets a clinic up by these answers; what is raised instead of an answer stands among them."""

    def answer(*answers: str | BaseException) -> int:
        waiting = iter(answers)

        def typed(_question: str) -> str:
            said = next(waiting, EOFError())
            if isinstance(said, BaseException):
                raise said
            return said

        monkeypatch.setattr("builtins.input", typed)
        return setup.by_questions(Namespace(), settings, engine)

    return answer


def stored(engine: Engine, question: str) -> list[tuple[str, ...]]:
    with transaction(engine) as session:
        return [tuple(map(str, row)) for row in run(session, question)]


def test_questions_make_a_clinic_and_each_wrong_answer_is_explained(
    answer: Callable[..., int], engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(*ANSWERS) == 0
    said = capsys.readouterr().out
    assert [
        line.strip() for line in said.splitlines() if line.startswith("  That must") or "needed" in line
    ] == REPROACHES
    assert "no hours are long enough for Consultation" in said
    assert stored(engine, "SELECT zone, emergency_number FROM locations") == [("America/New_York", "911")]
    assert stored(engine, "SELECT title, given_name, family_name FROM practitioners") == [
        ("Dr", "Grace", "Lee"),
        ("", "Kim", "Kim"),
    ]
    assert stored(engine, "SELECT DISTINCT local_start, local_end FROM weekly_hours ORDER BY 1") == [
        ("08:30:00", "12:00:00"),
        ("09:00:00", "17:00:00"),
    ]


def test_a_second_time_by_questions_leaves_the_clinic_alone(answer: Callable[..., int], engine: Engine) -> None:
    answer(*ANSWERS)
    with pytest.raises(CannotRun, match="holds your clinic already"):
        answer(*[each.replace("Dr Grace Lee", "Dr Somebody Else") for each in ANSWERS])
    assert ("Dr", "Grace", "Lee") in stored(engine, "SELECT title, given_name, family_name FROM practitioners")


@pytest.mark.parametrize("end", [EOFError(), KeyboardInterrupt()])
def test_leaving_in_the_middle_changes_nothing(
    answer: Callable[..., int], engine: Engine, capsys: pytest.CaptureFixture[str], end: BaseException
) -> None:
    with pytest.raises((CannotRun, KeyboardInterrupt)) as left:
        answer(*ANSWERS[:15], end)
    assert "othing was changed" in f"{left.value}{capsys.readouterr().out}"
    assert stored(engine, "SELECT * FROM organization") == []


def test_the_default_emergency_number_is_that_of_the_country(answer: Callable[..., int], engine: Engine) -> None:
    japan = ["Clinic", "", "ja_JP", "03 1234 5678", "", "", "1 Chome", "Asia/Tokyo", "", "119", "", "Kim", "dentist"]
    assert answer(*japan, "", "", "") == 0
    assert stored(engine, "SELECT emergency_number FROM locations") == [("119",)]


def test_the_example_explains_itself_and_is_taken_in_as_nothing(
    tmp_path: Path, settings: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    setup.example(tmp_path / "own")
    assert (tmp_path / "own" / "setup.md").read_text() == setup.explained()
    with pytest.raises(CannotRun, match="is there already: name another folder"):
        setup.example(tmp_path / "own")
    assert setup.from_folder(Namespace(folder=tmp_path / "own", dry_run=True), settings, engine) == 1
    assert "organization.csv: refused: it must name the clinic" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ([], "no file such as locations.csv"),
        (["clinic.xlsx"], "saved as CSV"),
        (["Visit Types.CSV", "visit_types.csv"], "visit_types.csv twice"),
    ],
)
def test_a_folder_that_cannot_be_taken_in_is_explained(
    tmp_path: Path, settings: Settings, engine: Engine, there: list[str], told: str
) -> None:
    for name in there:
        (tmp_path / name).write_text("id,name\n")
    with pytest.raises(CannotRun, match=told):
        setup.from_folder(Namespace(folder=tmp_path, dry_run=False), settings, engine)


def test_files_are_written_where_that_is_possible_and_for_nobody_else(
    tmp_path: Path, settings: Settings, answer: Callable[..., int], engine: Engine
) -> None:
    answer(*ANSWERS)
    (tmp_path / "file").touch(mode=0o644)
    with pytest.raises(CannotRun, match="cannot be written"):
        setup.example(tmp_path / "file")
    (tmp_path / "hours.csv").touch(mode=0o644)
    options = Namespace(folder=tmp_path, with_patients=False, force=True)
    assert setup.export(options, settings, engine) == 0
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.csv")} == {0o600}


def test_a_dry_run_shows_every_row_and_rows_that_share_their_fate_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fates = [Fate("patients", 2, "refused", "id is empty")]
    fates += [Fate("patients", row, "new") for row in (*range(3, 20_000), 20_001)]
    fates += [Fate("visits", row, "refused", f"patient: there is no “p{row}\x1b[2J”") for row in range(2, 300)]
    reporting.report(fates, every_row=True)
    every = capsys.readouterr().out.splitlines()
    assert every[:3] == [
        "patients.csv, rows 3 to 19999: new",
        "patients.csv, row 20001: new",
        "patients.csv, row 2: refused: id is empty",
    ]
    assert len([line for line in every if line.startswith("visits.csv, row")]) == 298
    assert "\x1b" not in "".join(every)
    reporting.report(fates, every_row=False)
    assert "… and 259 more lines like these: --dry-run shows every row" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["setup", "--dry-run"], "--dry-run goes with --from FOLDER"),
        (["setup", "--example", "a", "--from", "b"], "not allowed with"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)  # which would ask for keys first
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    assert told in capsys.readouterr().err


def test_the_specialties_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert setup.print_specialties() == 0
    assert "dermatology: Dermatology, " in capsys.readouterr().out
