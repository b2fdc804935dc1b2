"""The functions of templates: what they give, what they refuse, and what they tell of a secret."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.errors import TemplateError, UnfitValueError
from oauth_broker.protocol.expressions import DEPTH, MOST_ARGUMENTS, names_told_by, parsed
from oauth_broker.protocol.functions import LONGEST_RESULT, evaluated, moment_values
from oauth_broker.protocol.template import Place, fill, fill_encoded, names_in
from oauth_broker.protocol.url_template import fill_url
from oauth_broker.secret import Secret, reveal

MOMENT = moment_values(1_700_000_000_123, bytes(range(16)))
VALUES: dict[str, str | Secret] = {
    "client_id": "Id",
    "client_secret": Secret("s:x"),
    "city": "Zürich Ost",
    "empty": "",
    **MOMENT,
}

# RFC 4231 section 4.3: test case 2
RFC_KEY, RFC_DATA = "Jefe", "what do ya want for nothing?"
B64URL_DIGEST = base64.urlsafe_b64encode(hashlib.sha256("Zürich Ost".encode()).digest()).decode().rstrip("=")
TWICE = hashlib.sha256(hashlib.sha256(b"abc").hexdigest().encode()).hexdigest()
RFC_DIGEST = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize(
    "template, text",
    [
        ("{{base64(client_id, ':', client_secret)}}", "SWQ6czp4"),
        ('Basic {{ base64( client_secret , ":" ) }}', "Basic czp4Og=="),
        ("{{base64url(sha256(city))}}", B64URL_DIGEST),
        ("{{base64(sha256(empty))}}", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("{{sha256(empty)}}", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("{{sha256('a', 'bc')}}", hashlib.sha256(b"abc").hexdigest()),
        ("{{sha256(sha256('abc'))}}", TWICE),
        (f"{{{{hmac_sha256('{RFC_KEY}', '{RFC_DATA}')}}}}", RFC_DIGEST),
        (
            "{{hmac_sha256(hmac_sha256('k', 'day'), 'text')}}",
            hmac.digest(hmac.digest(b"k", b"day", "sha256"), b"text", "sha256").hex(),
        ),
        ("{{urlencode(city)}}", "Z%C3%BCrich%20Ost"),
        ("{{lower(client_id, '-A')}}", "id-a"),
        ("{{concat(client_id, '-', client_id, 12)}}", "Id-Id12"),
        ("{{now()}}", "1700000000"),
        ("{{now(s)}}", "1700000000"),
        ("{{now(ms)}}", "1700000000123"),
        ("{{now('rfc3339')}}", "2023-11-14T22:13:20Z"),
        ("{{'a quoted text'}}", "a quoted text"),
    ],
)
def test_a_function_gives_what_it_is_called_for(template: str, text: str) -> None:
    """Texts are joined; a digest is hexadecimal, but its bytes count in base64 and as a key."""
    assert fill(template, VALUES) == text


def test_random_digits_are_the_same_throughout_a_request_and_new_in_the_next() -> None:
    """A request may sign the nonce that it sends: what is asked for twice in it is one value."""
    template = "{{random()}} {{random(16)}} {{random(40)}}"
    first, again, longer = fill(template, VALUES).split()
    assert first == again == longer[:32]
    assert (len(first), len(longer)) == (32, 80)
    other = fill(template, {**VALUES, **moment_values(1_700_000_000_123, bytes(16))}).split()
    assert not {first, longer} & {*other}


@pytest.mark.parametrize(
    "template, told",
    [
        ("{{base54(city)}}", "unknown function base54; did you mean base64?"),
        ("{{lower()}}", "lower takes 1 or more arguments"),
        ("{{hmac_sha256(city)}}", "hmac_sha256 takes 2 or more arguments"),
        ("{{now(city)}}", "now takes s, ms or rfc3339"),
        ("{{now(ms, s)}}", "now takes 0 to 1 arguments"),
        ("{{random(0)}}", "random takes a number of bytes, 1 to 64"),
        ("{{random(65)}}", "random takes a number of bytes, 1 to 64"),
        ("{{random(city)}}", "random takes a number of bytes, 1 to 64"),
        ("{{now}}", "now is a function: write {{now()}}"),
        ("{{lower(random)}}", "random is a function: write {{random()}}"),
        ("{{lower(city}}", "a placeholder is written"),
        ("{{lower(city,)}}", "a placeholder is written"),
        ("{{lower(,city)}}", "a placeholder is written"),
        ("{{lower city}}", "a placeholder is written"),
        ("{{lower(city))}}", "a placeholder is written"),
        ("{{lower('city)}}", "a placeholder is written"),
        ("{{lower(city) lower(city)}}", "a placeholder is written"),
        ("{{(city)}}", "a placeholder is written"),
        ("{{lower(nobody)}}", "no value for nobody"),
        ("{{" + "lower(" * (DEPTH + 1) + "city" + ")" * (DEPTH + 1) + "}}", f"nested {DEPTH} deep"),
        ("{{concat(" + ",".join(["city"] * (MOST_ARGUMENTS + 1)) + ")}}", "concat takes 1 or more"),
    ],
)
def test_a_slip_is_refused_where_it_stands(template: str, told: str) -> None:
    """The error says what was meant, and where in the text the placeholder begins."""
    with pytest.raises(TemplateError) as caught:
        fill(f"a {template}", VALUES)
    assert told in caught.value.detail
    assert caught.value.position == 2


def test_nesting_as_deep_as_allowed_works() -> None:
    """The positive control of the limit."""
    assert fill("{{" + "lower(" * DEPTH + "client_id" + ")" * DEPTH + "}}", VALUES) == "id"


def test_what_grows_too_long_is_refused() -> None:
    """Each function is bounded, so that none nested in others fills the memory."""
    values = {"token": "ä" * (LONGEST_RESULT // 6)}
    assert len(fill("{{urlencode(token)}}", values)) <= LONGEST_RESULT
    with pytest.raises(UnfitValueError, match="urlencode of token gives more than"):
        fill("{{urlencode(urlencode(token))}}", values)


def test_half_a_character_cannot_be_encoded() -> None:
    """JSON can bring half of a surrogate pair, which UTF-8 cannot write."""
    with pytest.raises(UnfitValueError, match="city may not hold half a character"):
        fill("{{sha256(city)}}", {"city": "\ud800"})


@pytest.mark.parametrize("template", ["{{base64('x', client_secret)}}", "{{lower(sha256(client_secret))}}"])
def test_a_function_of_a_secret_is_a_secret(template: str) -> None:
    """It may not stand in a path, nor is it shown."""
    assert isinstance(evaluated(parsed(template[2:-2]), VALUES), Secret)
    with pytest.raises(UnfitValueError, match="client_secret is a secret"):
        fill_url(f"https://a.example/{template}", VALUES, hosts={})
    assert fill_url("https://a.example/{{lower(city, 'x')}}", VALUES, hosts={}).startswith("https://a.ex")


@pytest.mark.parametrize(
    "source, told",
    [
        ("client_secret", ["client_secret"]),
        ("base64(client_id, ':', lower(client_secret))", ["client_id", "client_secret"]),
        ("hmac_sha256(client_secret, client_id)", []),
        ("concat(client_id, sha256(client_secret), now())", ["client_id"]),
    ],
)
def test_a_digest_tells_no_value(source: str, told: list[str]) -> None:
    """A signature made with the client secret does not send the client secret."""
    assert list(names_told_by(parsed(source))) == told


def test_names_in_functions_are_names_of_the_text() -> None:
    """Those that `now` and `random` read count too: a step that has no moment refuses them."""
    assert names_in("{{a}} {{base64(b, lower(c), 'd')}} {{now(ms)}}") == ("a", "b", "c", "now")


def test_what_is_kept_stays_whole() -> None:
    """A function of a name that has no value for now stays as it was written."""
    kept = fill_encoded("{{lower(a)}} {{b}}", {"b": "1"}, Place.HEADER, keep=frozenset({"a"}))
    assert kept == "{{lower(a)}} 1"


@given(st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=60))
def test_reading_any_text_ends_in_an_expression_or_an_error(source: str) -> None:
    """Nothing that stands between braces makes the reader raise anything else."""
    try:
        value = evaluated(parsed(source), VALUES)
    except (TemplateError, UnfitValueError):
        return
    assert isinstance(reveal(value), str)
