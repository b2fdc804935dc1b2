"""`signing_keys` of a registration: which keys it wants, by what it says and by what is kept already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem
from oauth_broker.protocol.signing_keys import ALGORITHMS, problem_of, public_jwk
from oauth_broker.registration.checks import child, choice, items, members, text
from oauth_broker.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_KEYS: Final = 5
_LONGEST_PEM: Final = 8192
_SOURCES: Final = frozenset({"private_key", "kms_key", "generate"})
_SHARED: Final = {
    **dict.fromkeys(
        ("HS256", "HS384", "HS512"), "is for a secret that both sides know: that is client_secret_jwt"
    ),
    "none": "signs nothing (RFC 7523 section 3, point 9)",
}


@dataclass(frozen=True, slots=True)
class WantedKey:
    """A key that a registration wants; without `private_key`, `kms_key` and `generate` one that is kept.

    `kid` is None where it is to be the thumbprint of a key that is not there yet (RFC 7638).
    """

    kid: str | None
    algorithm: str
    private_key: Secret | None = None
    kms_key: str | None = None
    generate: bool = False


def _private_key(value: Any, pointer: str) -> Iterator[FieldProblem]:
    """A text in PEM; whether it is a key shows only with its algorithm."""
    if not isinstance(value, str):
        yield FieldProblem(pointer, "must be a string")
    elif len(value) > _LONGEST_PEM:
        yield FieldProblem(pointer, f"must be at most {_LONGEST_PEM} characters")


def _generate(value: Any, pointer: str) -> Iterator[FieldProblem]:
    if value is not True:
        yield FieldProblem(pointer, "must be true, or left out")


_MEMBERS: Final = {
    "kid": text(128, pattern=r"[\x21-\x7e]+", rule="must be visible ASCII"),
    "alg": choice(*ALGORITHMS, refused=_SHARED),
    "private_key": _private_key,
    "kms_key": text(
        256,
        # An alias can be pointed at another key, and rights are given to keys.
        pattern=r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+",
        rule="must be the ARN of a KMS key: arn:aws:kms:<region>:<account>:key/<id>",
    ),
    "generate": _generate,
}


def signing_key(value: Any, pointer: str) -> Iterator[FieldProblem]:
    """One key: its algorithm, its `kid`, and one source or none."""
    problems = list(members(_MEMBERS, required=("alg",))(value, pointer))
    if not problems and len(_SOURCES & value.keys()) > 1:
        problems.append(FieldProblem(pointer, "must have one of private_key, kms_key and generate"))
    yield from problems


signing_keys: Final = items(signing_key, most=MOST_KEYS)
"""The check of the whole member."""


def wanted_keys(
    body: Mapping[str, Any], stored: Mapping[str, Any]
) -> tuple[tuple[WantedKey, ...], list[FieldProblem]]:
    """Give the keys that hold after `body` is laid over the `stored` document, in order, and what is wrong.

    Without the member they stay as they are; with it, it is the whole list, and each key is kept by its `kid`
    unless it is given. What has the wrong shape is passed over: the check of the member says so.
    """
    kept = {members["kid"]: members for members in stored.get("signing_keys", ())}
    if "signing_keys" not in body:
        return tuple(WantedKey(kid, one["alg"]) for kid, one in kept.items()), []
    given = body["signing_keys"]
    wanted: list[WantedKey] = []
    problems: list[FieldProblem] = []
    for index, one in enumerate(given if isinstance(given, list) else ()):
        pointer = child("/signing_keys", index)
        if index >= MOST_KEYS or any(signing_key(one, pointer)):
            continue
        problem = _problem(one, kept.get(one.get("kid")), pointer)
        if problem is None:
            wanted.append(_wanted(one, kept))
        else:
            problems.append(problem)
        kids = [key.kid for key in wanted if key.kid is not None]
        if len(set(kids)) < len(kids):
            wanted.pop()
            problems.append(same_kid(index))
    return tuple(wanted), problems


def same_kid(index: int) -> FieldProblem:
    """Give the problem of a key whose `kid` an earlier one has."""
    return FieldProblem(f"/signing_keys/{index}", "has the kid of another key of the list")


def shown_keys(wanted: tuple[WantedKey, ...], stored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the keys as the document has them: what is sealed is hidden."""
    kept = {members["kid"]: members for members in stored.get("signing_keys", ())}
    return [kept[key.kid] if _is_kept(key) else _shown(key) for key in wanted]


def kept_private_keys(wanted: tuple[WantedKey, ...], stored: Mapping[str, Any]) -> list[str]:
    """Give the `kid` of each private key that is sealed here and stays without being given again."""
    sealed = {members["kid"] for members in stored.get("signing_keys", ()) if "private_key" in members}
    return [key.kid for key in wanted if _is_kept(key) and key.kid is not None and key.kid in sealed]


def _is_kept(key: WantedKey) -> bool:
    return key.private_key is None and key.kms_key is None and not key.generate


def _shown(key: WantedKey) -> dict[str, Any]:
    kid = {} if key.kid is None else {"kid": key.kid}
    source = {"private_key": HIDDEN} if key.kms_key is None else {"kms_key": key.kms_key}
    return {**kid, "alg": key.algorithm, **source}


def _problem(one: Mapping[str, Any], kept: Mapping[str, Any] | None, pointer: str) -> FieldProblem | None:
    """Say what is wrong with a key of the right shape; `kept` is the stored one of its kid."""
    private_key = one.get("private_key")
    if private_key not in (None, HIDDEN):
        problem = problem_of(private_key, one["alg"])
        return None if problem is None else FieldProblem(f"{pointer}/private_key", problem)
    if private_key == HIDDEN and "private_key" not in (kept or {}):
        detail = f"{HIDDEN} stands for a key that is kept, and there is none of this kid: give the key"
        return FieldProblem(f"{pointer}/private_key", detail)
    if kept is None:
        return None if _SOURCES & one.keys() else FieldProblem(pointer, _NO_SOURCE)
    if _keeps(one, kept) and one["alg"] != kept["alg"]:
        detail = (
            f"is {kept['alg']} for the key that is kept: a key has one algorithm, another takes another kid"
        )
        return FieldProblem(f"{pointer}/alg", detail)
    return None


_NO_SOURCE: Final = "needs private_key, kms_key or generate, unless its kid is that of a key that is kept"


def _keeps(one: Mapping[str, Any], kept: Mapping[str, Any]) -> bool:
    """Say whether a key without a private key of its own is the kept one of its kid: none is made twice."""
    if "generate" in one:
        return "private_key" in kept
    return one.get("kms_key") in (None, kept.get("kms_key"))


def _wanted(one: Mapping[str, Any], kept: Mapping[str, Mapping[str, Any]]) -> WantedKey:
    kid, algorithm, private_key = one.get("kid"), one["alg"], one.get("private_key")
    if private_key not in (None, HIDDEN):
        secret = Secret(private_key)
        return WantedKey(kid or public_jwk(secret, algorithm)["kid"], algorithm, private_key=secret)
    there = kept.get(kid) if kid is not None else _same_in_kms(one, kept)
    if there is not None and _keeps(one, there):
        return WantedKey(there["kid"], algorithm)
    return WantedKey(kid, algorithm, kms_key=one.get("kms_key"), generate=one.get("generate", False))


def _same_in_kms(one: Mapping[str, Any], kept: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Give the stored entry that a key without a kid is, so that to say the same again changes nothing."""
    asked = (one.get("kms_key"), one["alg"])
    same = (members for members in kept.values() if (members.get("kms_key"), members["alg"]) == asked)
    return next(same, None) if asked[0] is not None else None
