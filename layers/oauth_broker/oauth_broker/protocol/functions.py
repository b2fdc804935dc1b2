"""What the functions of a template give: pure, and bounded in what comes out.

Several texts given to one function are joined. A digest is written in hexadecimal, but counts raw where it is
all that `base64` or `base64url` is given, or the key of `hmac_sha256`.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from oauth_broker.errors import TemplateError, UnfitValueError
from oauth_broker.protocol.expressions import DIGESTS, NOW, RANDOM, Call, Name, Text, names_of
from oauth_broker.secret import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.protocol.expressions import Expression

Arguments = tuple["Expression", ...]
Values = Mapping[str, str | Secret]

LONGEST_RESULT: Final = 131_072
_DIGEST: Final = 32


def moment_values(milliseconds: int, random: bytes) -> dict[str, str]:
    """Give what `now` and `random` read: a request's moment (epoch milliseconds) and its 16 random bytes."""
    return {NOW: str(milliseconds), RANDOM: random.hex()}


def evaluated(expression: Expression, values: Values) -> str | Secret:
    """Give an expression's value: a Secret where one went into it.

    Raises TemplateError for a name without a value, UnfitValueError for a function that gives over 128 KB.
    """
    if isinstance(expression, Name):
        return _value(expression.name, values)
    text = _text_of(expression, values)
    secret = any(isinstance(values.get(name), Secret) for name in names_of(expression))
    return Secret(text) if secret else text


def _value(name: str, values: Values) -> str | Secret:
    if name not in values:
        raise TemplateError(0, f"no value for {name}")
    return values[name]


def _text_of(expression: Expression, values: Values) -> str:
    if isinstance(expression, Name):
        return reveal(_value(expression.name, values))
    if isinstance(expression, Text):
        return expression.text
    text = _FUNCTIONS[expression.function](expression.arguments, values)
    if len(text) > LONGEST_RESULT:
        name = next(names_of(expression), expression.function)
        detail = f"{expression.function} of {name} gives more than {LONGEST_RESULT} characters"
        raise UnfitValueError(name, detail)
    return text


def _joined(arguments: Arguments, values: Values) -> str:
    return "".join(_text_of(argument, values) for argument in arguments)


def _raw(arguments: Arguments, values: Values) -> bytes:
    """Give what is encoded or signed with: a digest alone as its bytes, all else as text."""
    match arguments:
        case (Call(function=function) as digest,) if function in DIGESTS:
            return _digest(digest, values)
        case _:
            return _utf8(arguments, values)


def _digest(call: Call, values: Values) -> bytes:
    if call.function == "sha256":
        return sha256(_utf8(call.arguments, values)).digest()
    import hmac  # noqa: PLC0415 - only signed requests need it: cold start

    return hmac.digest(_raw(call.arguments[:1], values), _utf8(call.arguments[1:], values), "sha256")


def _utf8(arguments: Arguments, values: Values) -> bytes:
    try:
        return _joined(arguments, values).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can bring
        name = next((name for one in arguments for name in names_of(one)), "the text")
        raise UnfitValueError(name, f"the value of {name} may not hold half a character") from None


def _base64url(arguments: Arguments, values: Values) -> str:
    """Without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(_raw(arguments, values)).rstrip(b"=").decode("ascii")


def _moment(arguments: Arguments, values: Values) -> str:
    milliseconds = int(reveal(_value(NOW, values)))
    match arguments:
        case (Text(text="ms"),):
            return str(milliseconds)
        case (Text(text="rfc3339"),):
            return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return str(milliseconds // 1000)


def _random(arguments: Arguments, values: Values) -> str:
    """Give hexadecimal digits that are the same wherever a request asks for as many: it may sign them."""
    size = int(arguments[0].text) if arguments and isinstance(arguments[0], Text) else 16
    bits = reveal(_value(RANDOM, values)).encode()
    blocks = (sha256(bits + bytes([number])).digest() for number in range(-(-size // _DIGEST)))
    return b"".join(blocks)[:size].hex()


_FUNCTIONS: Final[Mapping[str, Callable[[Arguments, Values], str]]] = {
    "base64": lambda arguments, values: b64encode(_raw(arguments, values)).decode("ascii"),
    "base64url": _base64url,
    "concat": _joined,
    "hmac_sha256": lambda arguments, values: _digest(Call("hmac_sha256", arguments), values).hex(),
    "lower": lambda arguments, values: _joined(arguments, values).lower(),
    "now": _moment,
    "random": _random,
    "sha256": lambda arguments, values: _digest(Call("sha256", arguments), values).hex(),
    "urlencode": lambda arguments, values: quote(_utf8(arguments, values), safe=""),
}
