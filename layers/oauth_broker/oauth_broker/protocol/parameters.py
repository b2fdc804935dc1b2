"""Which parameters a request carries. One rule for every dialect: what the resource says wins.

A parameter that stands in the URL's own query or in `params` is not added again, and None removes a standard
one; so none goes out twice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlsplit

from oauth_broker.protocol.template import NOTHING_KEPT, Place, encoded, fill, fill_encoded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from oauth_broker.protocol.template import Values


def merged(
    standard: Iterable[str], *, url: str, params: Mapping[str, Any], fragment: bool = False
) -> dict[str, Any]:
    """Give the parameters to add to those that `url` has, name to template or JSON value, in their order.

    `standard` names the step's own, whose values are those of their names. With `fragment` the URL's own
    parameters are those of its query and those of its fragment.
    """
    taken = set(names_in_url(url, fragment=fragment))
    added = {name: f"{{{{{name}}}}}" for name in standard} | dict(params)
    return {name: value for name, value in added.items() if value is not None and name not in taken}


def names_in_url(url: str, *, fragment: bool = False) -> tuple[str, ...]:
    """Give the names of the parameters in a URL's query, or with `fragment` in both, decoded."""
    parts = urlsplit(url)
    texts = [parts.query, _query_of_fragment(parts.fragment)] if fragment else [parts.query]
    fields = (field for text in texts for field in text.split("&") if field)
    return tuple(unquote_plus(field.partition("=")[0]) for field in fields)


def written(
    parameters: Mapping[str, Any],
    values: Values,
    place: Place,
    *,
    unencoded: Collection[str] = (),
    keep: frozenset[str] = NOTHING_KEPT,
) -> str:
    """Give `name=value&…`, filled and encoded for `place`, the values of those in `unencoded` as they are.

    A name in `keep` stays `{{name}}`. Raises TemplateError or UnfitValueError.
    """
    return "&".join(
        f"{encoded(name, place)}="
        + _filled(value, values, Place.UNENCODED if name in unencoded else place, keep)
        for name, value in parameters.items()
    )


def filled_json(value: Any, values: Values) -> Any:
    """Give a JSON value with every text in it filled, to be written as JSON. Raises TemplateError."""
    match value:
        case str():
            return fill(value, values)
        case dict():
            return {name: filled_json(inner, values) for name, inner in value.items()}
        case list() | tuple():
            return [filled_json(inner, values) for inner in value]
        case _:
            return value


def with_query(url: str, query: str) -> str:
    """Give `url` with more parameters at the end of its query, before its fragment."""
    if not query:
        return url
    base, hash_sign, fragment = url.partition("#")
    path, _, own = base.partition("?")
    return f"{path}?{_joined(own, query)}{hash_sign}{fragment}"


def with_fragment(url: str, query: str) -> str:
    """Give `url` with more parameters in its fragment, after its route if there is one."""
    if not query:
        return url
    base, _, fragment = url.partition("#")
    own = _query_of_fragment(fragment)
    route = fragment.removesuffix(own).removesuffix("?")
    return f"{base}#{route}{'?' if route else ''}{_joined(own, query)}"


def _filled(value: Any, values: Values, place: Place, keep: frozenset[str]) -> str:
    if isinstance(value, str):
        return fill_encoded(value, values, place, keep=keep)
    return encoded(json.dumps(filled_json(value, values), separators=(",", ":")), place)


def _joined(own: str, query: str) -> str:
    return f"{own}&{query}" if own and not own.endswith("&") else f"{own}{query}"


def _query_of_fragment(fragment: str) -> str:
    _, mark, query = fragment.partition("?")
    if mark:
        return query
    return fragment if "=" in fragment else ""
