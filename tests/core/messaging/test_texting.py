"""Which numbers take a text: over the examples that each country's plan has of each kind of number."""

from itertools import product

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from core.messaging.texting import example_mobile, why_no_text

COUNTRIES = [
    "US", "CA", "GB", "DE", "FR", "ES", "IT", "PT", "NL", "BE", "AT", "CH", "SE", "NO", "DK",
    "FI", "PL", "CZ", "IE", "AU", "NZ", "JP", "IN", "BR", "MX", "ZA", "IL", "AE", "SG", "KR",
]  # fmt: skip
OF_ONE_PLAN = {*["US", "CA", "DK", "IN"]}  # there, or of some ranges, nobody can tell a mobile number from a landline
KINDS = {name: kind for name, kind in vars(PhoneNumberType).items() if isinstance(kind, int)}
EXAMPLES = {
    (country, name): phonenumbers.format_number(example, PhoneNumberFormat.E164)
    for country, (name, kind) in product(COUNTRIES, KINDS.items())
    if (example := phonenumbers.example_number_for_type(country, kind)) is not None
}
WITHOUT_TEXTS = ["PREMIUM_RATE", "TOLL_FREE", "SHARED_COST", "PAGER", "UAN", "VOIP", "PERSONAL_NUMBER", "VOICEMAIL"]


def test_there_are_examples_of_every_kind() -> None:
    assert {"MOBILE", "FIXED_LINE", *WITHOUT_TEXTS} <= {name for _, name in EXAMPLES}


@pytest.mark.parametrize("country", COUNTRIES)
def test_mobile_numbers_of_an_allowed_country_take_texts(country: str) -> None:
    assert why_no_text(EXAMPLES[country, "MOBILE"], (country,)) is None
    assert why_no_text(EXAMPLES[country, "MOBILE"], ("LI", country)) is None


@pytest.mark.parametrize(("country", "kind"), [each for each in EXAMPLES if each[1] in WITHOUT_TEXTS])
def test_premium_and_service_numbers_take_none_wherever_texts_go(country: str, kind: str) -> None:
    for countries in ((country,), ("LI",), tuple(COUNTRIES)):
        assert why_no_text(EXAMPLES[country, kind], countries) == "no_mobile"


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_landline_takes_none_where_the_plan_can_tell(country: str) -> None:
    expected = None if country in OF_ONE_PLAN else "no_mobile"
    assert why_no_text(EXAMPLES[country, "FIXED_LINE"], (country,)) == expected


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_mobile_number_of_another_country_takes_none(country: str) -> None:
    others = tuple(each for each in COUNTRIES if each != country)
    assert why_no_text(EXAMPLES[country, "MOBILE"], others) == "country_closed"
    assert why_no_text(EXAMPLES[country, "MOBILE"], ()) == "country_closed"


@pytest.mark.parametrize("number", ["", "12345", "+", "+15550142", "+9991234567", "somebody"])
def test_what_is_no_number_takes_none(number: str) -> None:
    assert why_no_text(number, ("US",)) == "bad_number"


def test_a_number_that_several_countries_share_is_of_its_own() -> None:
    assert why_no_text("+447797712345", ("GB",)) == "country_closed"  # Jersey, which costs more
    assert why_no_text("+18765550123", ("US",)) == "country_closed"  # Jamaica
    assert why_no_text("+15065550123", ("US",)) == "country_closed"  # Canada
    assert why_no_text("+77012345678", ("RU",)) == "country_closed"  # Kazakhstan
    assert why_no_text("+881612345678", ("US",)) is not None  # a satellite telephone
    assert why_no_text("+979123456789", ("US",)) == "no_mobile"  # premium, of the whole world


@pytest.mark.parametrize("home", sorted(phonenumbers.SUPPORTED_REGIONS - {"TA"}))  # which has no mobile numbers
def test_the_example_takes_texts_and_is_written_as_at_home(home: str) -> None:
    written = example_mobile((home,), home)
    read = phonenumbers.parse(written, home)
    assert why_no_text(phonenumbers.format_number(read, PhoneNumberFormat.E164), (home,)) is None


def test_the_example_is_of_home_if_texts_go_there() -> None:
    assert example_mobile(("US", "GB"), "GB") == "07400 123456"
    assert example_mobile(("US", "GB"), "FR") == "+1 201-555-0123"
    assert example_mobile(("XX",), "FR") == ""
