"""The exchange of a code for a token set, and its commit: at once, or as a proposal to be confirmed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker.commits import Commit, Committed, ConsentCommit, Gone, ProposalCommit, Superseded
from oauth_broker.connection import LINK_LIFETIME, LastError, Proposal
from oauth_broker.errors import BrokerError, ProviderError, UnavailableError
from oauth_broker.flows.commit import commit_surely, leave_to_revoke
from oauth_broker.flows.commit_refreshed import TOKEN_SET_ID_BYTES, next_refresh_of
from oauth_broker.flows.refresh import call_of, last_error_of
from oauth_broker.flows.token_sets import sealed_token_set
from oauth_broker.protocol.state import hash_of
from oauth_broker.protocol.token import (
    Granted,
    GrantGone,
    TryLater,
    Unknown,
    exchange_request,
    failure_of,
    token_verdict,
)
from oauth_broker.protocol.variables import checked_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.protocol.authorization import VerifiedCallback
    from oauth_broker.protocol.http import HttpRequest
    from oauth_broker.protocol.state import Derived
    from oauth_broker.protocol.token import TokenSet, Verdict
    from oauth_broker.resource import Resource, ResourceSecrets
    from oauth_broker.sealed import VaultKey
    from oauth_broker.transaction import Authorization

EXCHANGE_FAILED: Final = "exchange_failed"


class ConsentFailedError(BrokerError):
    """The authorization is used up and brought nothing; `outcome` is the error code for the application."""

    def __init__(self, outcome: str, failure: LastError) -> None:
        """Keep what the connection will show as its last error."""
        super().__init__(outcome)
        self.outcome = outcome
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What the provider gave, and the connection's variables with those that the callback brought."""

    token_set: TokenSet
    variables: Mapping[str, str]


def exchange(  # noqa: PLR0913 - what the request is made of
    kit: Kit,
    held: HeldResource,
    secrets: ResourceSecrets,
    *,
    authorization: Authorization,
    callback: VerifiedCallback,
    derived: Derived,
) -> Exchanged:
    """Send the code to the token endpoint that was pinned when the link was made.

    Raises ConsentFailedError.
    """
    resource = replace(held.resource, token=replace(held.resource.token, url=authorization.token_url))
    known = authorization.variables
    try:
        variables = {**known, **checked_values(resource, callback.variables, known=known)}
        request = exchange_request(
            resource,
            secrets,
            callback,
            code_verifier=derived.code_verifier,
            redirect_uri=authorization.redirect_uri,
            variables={**variables, **kit.moment()},
            scopes=authorization.scopes,
        )
        token_set = granted(kit, held, request, secrets, resource=resource)
    except ConsentFailedError:
        raise
    except BrokerError as error:
        failure = LastError(int(kit.machine.now()), error.category)
        raise ConsentFailedError(EXCHANGE_FAILED, failure) from None
    return Exchanged(token_set, variables)


def granted(
    kit: Kit,
    held: HeldResource,
    request: HttpRequest,
    secrets: ResourceSecrets,
    *,
    resource: Resource | None = None,
) -> TokenSet:
    """Send a request for a first token set and give it, also while the resource is paused: a person waits.

    `resource`: as it was pinned, where a browser brought the code. Raises ConsentFailedError.
    """
    began = kit.machine.now()
    verdict, timed_out = _verdict(kit, resource or held.resource, request, secrets)
    same_url = held.resource.token.url == held.resource.refresh.url == (resource or held.resource).token.url
    if same_url and (resource is None or _tells_of_others(verdict)):
        kit.circuits.keep(kit.circuits.hear(held, call_of(verdict, began, timed_out=timed_out)))
    match verdict:
        case Granted(token_set=token_set):
            return token_set
        case GrantGone(failure=failure) | TryLater(failure=failure) | Unknown(failure=failure):
            raise ConsentFailedError(EXCHANGE_FAILED, last_error_of(kit, failure))
        case _:
            assert_never(verdict)


def _tells_of_others(verdict: Verdict) -> bool:
    """Say whether the outcome of a code's exchange says anything of the resource's other calls.

    Whoever comes back with a made-up code chooses what the provider stumbles over: an error that it answers
    with must not pause everybody's refreshes, nor end their pause. Tokens, and no answer at all, do tell.
    """
    return isinstance(verdict, Granted) or verdict.failure.http_status is None


def _verdict(
    kit: Kit, resource: Resource, request: HttpRequest, secrets: ResourceSecrets
) -> tuple[Verdict, bool]:
    try:
        response = kit.egress.send(request, secrets.destinations, deadline=kit.numbers.provider_deadline)
    except ProviderError as error:
        return failure_of(error, request), error.timed_out
    return token_verdict(resource, request, response, now=int(kit.machine.now())), False


def commit_consent(  # noqa: PLR0913 - what the new token set is bound to
    kit: Kit,
    held: HeldResource,
    key: VaultKey,
    *,
    authorization: Authorization,
    exchanged: Exchanged,
    derived: Derived,
) -> None:
    """Commit what the exchange brought.

    Raises ConsentFailedError where the connection is gone, or the answer does not fit the resource: what the
    provider gave is revoked then. Raises UnavailableError where no way to the table was open in time: the
    rescue has it, a reload sees it.
    """
    commit = _commit_of(kit, held, key, authorization=authorization, exchanged=exchanged, derived=derived)
    try:
        checked_values(held.resource, exchanged.token_set.metadata, known=exchanged.variables)
    except BrokerError as error:
        now = int(kit.machine.now())
        leave_to_revoke(kit.store, commit, now=now)
        raise ConsentFailedError(EXCHANGE_FAILED, LastError(now, error.category)) from None
    outcome = commit_surely(kit, commit)
    match outcome:
        case Committed() | Superseded():
            return  # a newer consent for the same connection stands: that one serves
        case Gone():
            failure = LastError(int(kit.machine.now()), "disconnected")
            raise ConsentFailedError(EXCHANGE_FAILED, failure)
        case None:
            message = "the token set is being kept"
            raise UnavailableError(message, retry_after=5)
        case _:
            assert_never(outcome)


def _commit_of(  # noqa: PLR0913 - what the new token set is bound to
    kit: Kit,
    held: HeldResource,
    key: VaultKey,
    *,
    authorization: Authorization,
    exchanged: Exchanged,
    derived: Derived,
) -> Commit:
    now = int(kit.machine.now())
    token_set = sealed_token_set(
        kit.sealing,
        key,
        exchanged.token_set,
        resource=held.resource,
        connection_id=authorization.connection_id,
        destinations_id=held.row.destinations_id,
        token_set_id=kit.machine.random(TOKEN_SET_ID_BYTES),
        asked_scopes=authorization.scopes,
        issued_at=now,
    )
    shard = kit.shard(authorization.resource_id, authorization.connection_id)
    consented_at = authorization.consumed_at or now * 1000
    if authorization.require_confirmation:
        proposal = Proposal(
            token_set=token_set,
            variables=exchanged.variables,
            code_hash=hash_of(derived.confirmation_code),
            user_hash=authorization.user_hash,
            consented_at=consented_at,
            until=now + LINK_LIFETIME,
        )
        return ProposalCommit(
            authorization.resource_id,
            authorization.connection_id,
            created_at=authorization.connection_created_at,
            proposal=proposal,
            shard=shard,
        )
    return ConsentCommit(
        authorization.resource_id,
        authorization.connection_id,
        created_at=authorization.connection_created_at,
        token_set=token_set,
        variables=exchanged.variables,
        consented_at=consented_at,
        next_refresh=next_refresh_of(kit, held.resource, token_set),
        due=now,
        shard=shard,
    )
