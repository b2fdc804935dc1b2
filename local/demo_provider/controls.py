"""/control: what tests may ask and set. Only there with `--controls`; JSON in and out.

| route | what it does |
|---|---|
| GET, POST, DELETE /control/faults | the faults still to come; add one (`faults.Fault`); drop them all |
| GET, DELETE /control/calls | the calls so far (`faults.TokenCall`), oldest first; forget them |
| GET /control/families | every family: its generations with their counts, and why it ended |
| DELETE /control/families/{family_id} | end it, as its owner would in the account's settings |
| GET, PATCH /control/rules | lifetimes, for what is issued next, and the grace period (`tokens.Rules`) |
| POST /control/reset | forget all that was given out and asked for, and bring back the rules of the start |
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, make_response, request

from local.demo_provider.faults import BadControlError, Journal, parse_fault, typed_members
from local.demo_provider.tokens import Ended, Family, Rules, TokenStore

if TYPE_CHECKING:
    from local.demo_provider.provider import Provider

RULE_TYPES: dict[str, tuple[type, ...]] = {
    "access_token_lifetime": (int,),
    "refresh_token_lifetime": (int, type(None)),
    "grace_period": (int, float),
}


def control_routes(provider: Provider) -> Blueprint:
    """The controls; asking for them turns recording on."""
    routes = Blueprint("controls", __name__, url_prefix="/control")
    provider.journal.recording = True
    fault_routes(routes, provider)
    family_routes(routes, provider)
    rule_routes(routes, provider)

    @routes.errorhandler(BadControlError)
    def refuse(error: BadControlError) -> Response:
        return make_response(jsonify(error=str(error)), 422)

    return routes


def fault_routes(routes: Blueprint, provider: Provider) -> None:
    """Faults to come, and calls that came."""

    @routes.get("/faults")
    def faults() -> Response:
        with provider.lock:
            return jsonify(items=[asdict(fault) for fault in provider.journal.faults])

    @routes.post("/faults")
    def add_fault() -> Response:
        fault = parse_fault(request.get_json(silent=True))
        with provider.lock:
            provider.journal.faults.append(fault)
        return make_response(jsonify(asdict(fault)), 201)

    @routes.delete("/faults")
    def drop_faults() -> Response:
        with provider.lock:
            provider.journal.faults.clear()
        return Response(status=204)

    @routes.get("/calls")
    def calls() -> Response:
        with provider.lock:
            return jsonify(items=[asdict(call) for call in provider.journal.calls])

    @routes.delete("/calls")
    def forget_calls() -> Response:
        with provider.lock:
            provider.journal.calls.clear()
        return Response(status=204)


def family_routes(routes: Blueprint, provider: Provider) -> None:
    """What each consent has given."""

    @routes.get("/families")
    def families() -> Response:
        with provider.lock:
            return jsonify(items=[described(family) for family in provider.store.families.values()])

    @routes.delete("/families/<family_id>")
    def end_family(family_id: str) -> Response:
        with provider.lock:
            family = provider.store.families.get(family_id)
            if family is not None:
                provider.store.end(family, Ended.REVOKED)
        if family is None:
            return make_response(jsonify(error="no such family"), 404)
        return Response(status=204)


def rule_routes(routes: Blueprint, provider: Provider) -> None:
    """Lifetimes, the grace period, and starting anew."""
    first_rules = provider.rules

    @routes.get("/rules")
    def rules() -> Response:
        return jsonify(asdict(provider.rules))

    @routes.patch("/rules")
    def set_rules() -> Response:
        with provider.lock:
            provider.rules = changed_rules(provider.rules, request.get_json(silent=True))
        return jsonify(asdict(provider.rules))

    @routes.post("/reset")
    def reset() -> Response:
        with provider.lock:
            provider.store, provider.rules = TokenStore(), first_rules
            provider.notes, provider.journal = {}, Journal(recording=True)
        return Response(status=204)


def changed_rules(rules: Rules, body: object) -> Rules:
    """The rules with the members of a JSON object put in. Raises BadControlError."""
    changed = replace(rules, **typed_members(body, RULE_TYPES))
    lifetimes = (changed.access_token_lifetime, changed.refresh_token_lifetime)
    if any(lifetime is not None and lifetime < 1 for lifetime in lifetimes):
        raise BadControlError("a lifetime is 1 second or more")
    if changed.grace_period < 0:
        raise BadControlError("grace_period is 0 or more seconds")
    return changed


def described(family: Family) -> dict[str, Any]:
    """A family as JSON, without its tokens; times in seconds since 1970."""
    return {
        "family_id": family.family_id,
        "client_id": family.client_id,
        "account": family.account,
        "scope": family.scope,
        "rotates": family.rotates,
        "ended": family.ended,
        "generations": [
            {
                "generation": token.generation,
                "issued_at": token.issued_at,
                "spent_at": token.spent_at,
                "refreshes": token.refreshes,
                "refusals": token.refusals,
            }
            for token in family.generations
        ],
    }
