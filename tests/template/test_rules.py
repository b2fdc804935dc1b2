"""The template keeps every rule, and every rule notices what breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.template import api_rules, data_rules, function_rules, log_rules, policy_rules, sign_in_rules
from tests.template.contract import CONNECTION
from tests.template.document import Document, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Rule = Callable[[Document], Iterator[str]]
    Breakage = tuple[Rule, tuple[str | int, ...], Any]

MODULES: Final = (api_rules, data_rules, function_rules, log_rules, policy_rules, sign_in_rules)
RULES: Final[list[Rule]] = [
    rule
    for module in MODULES
    for name, rule in vars(module).items()
    if callable(rule) and not name.startswith("_") and getattr(rule, "__module__", "") == module.__name__
]
GONE: Final = object()

BODY: Final = ("Api", "Properties", "Body", "paths")
STAGE: Final = ("ApiApiGatewayDefaultStage", "Properties")
LOG: Final = (*STAGE, "AccessLogSettings", "Format")
ACCESS: Final = ("AccessRole", "Properties", "Policies", 0, "PolicyDocument", "Statement")
RESCUE: Final = ("RescueRole", "Properties", "Policies", 0, "PolicyDocument", "Statement")
WORKER: Final = ("RefreshWorkerRole", "Properties", "Policies", 0, "PolicyDocument", "Statement")
CONSOLE: Final = ("ConsoleUserPoolClient", "Properties")
JWT: Final = (
    "Api",
    "Properties",
    "Body",
    "components",
    "securitySchemes",
    "Jwt",
    "x-amazon-apigateway-authorizer",
)
ENVIRONMENT: Final = ("Properties", "Environment", "Variables")
SCHEDULE: Final = ("RefreshDispatcherFunctionEveryMinute", "Properties")

# (rule, where in Resources, what to put there): each must make its rule complain.
BREAKAGES: Final[list[Breakage]] = [
    (api_rules.routes_are_the_contract, (*BODY, "/v1/resources", "get", "security"), [{"NONE": []}]),
    (api_rules.routes_are_the_contract, (*BODY, "/v1/resources", "get", "security"), []),
    (api_rules.routes_are_the_contract, (*BODY, "/v1/resources", "get", "security"), GONE),
    (api_rules.routes_are_the_contract, (*BODY, "/oauth/start", "get", "security"), [{"AWS_IAM": []}]),
    (api_rules.routes_are_the_contract, (*BODY, "/jwt/v1/resources", "post", "security"), [{"Jwt": []}]),
    (
        api_rules.routes_are_the_contract,
        (*BODY, "/jwt/v1/tokens/{resource_id}/{connection_id}", "get", "security", 0, "Jwt", 0),
        {"Fn::Sub": "${ScopePrefix}read"},
    ),
    (api_rules.routes_are_the_contract, (*BODY, f"{CONNECTION}/refresh"), GONE),
    (api_rules.warnings_stop_a_deployment, ("Api", "Properties", "FailOnWarnings"), False),
    (api_rules.public_routes_have_throttles, (*STAGE, "RouteSettings", "GET /oauth/start"), GONE),
    (api_rules.public_routes_have_throttles, (*STAGE, "RouteSettings", "GET /oauth/begin"), {}),
    (api_rules.the_access_log_names_callers_and_no_query, LOG, '{"path":"$context.path"}'),
    (
        api_rules.function_policies_are_small,
        ("ResourcesApiFunctionHealthPermission", "Properties", "SourceArn", "Fn::Sub", 0),
        "arn:${__ApiId__}/${__Stage__}/GET" + "/long" * 1000,
    ),
    (data_rules.the_table_is_as_designed, ("Table", "Properties", "SSESpecification"), GONE),
    (data_rules.the_table_is_as_designed, ("Table", "Properties", "BillingMode"), "PROVISIONED"),
    (data_rules.table_and_key_outlive_the_stack, ("Key", "DeletionPolicy"), GONE),
    (data_rules.table_and_key_outlive_the_stack, ("Table", "UpdateReplacePolicy"), "Delete"),
    (data_rules.the_key_is_turned_over, ("Key", "Properties", "EnableKeyRotation"), GONE),
    (data_rules.the_key_is_turned_over, ("Key", "Properties", "PendingWindowInDays"), 7),
    (data_rules.queues_are_as_designed, ("RescueQueue", "Properties", "SqsManagedSseEnabled"), False),
    (data_rules.queues_are_as_designed, ("WorkQueue", "Properties", "RedrivePolicy"), GONE),
    (data_rules.queues_are_as_designed, ("MoreQueue",), {"Type": "AWS::SQS::Queue", "Properties": {}}),
    (data_rules.alarms_watch_what_must_not_stay, ("RescueAgeAlarm",), GONE),
    (
        data_rules.alarms_watch_what_must_not_stay,
        ("DispatchAlarm", "Properties", "TreatMissingData"),
        "ignore",
    ),
    (
        data_rules.alarms_watch_what_must_not_stay,
        ("WorkDeadLettersAlarm", "Properties", "AlarmActions"),
        GONE,
    ),
    (function_rules.functions_run_as_designed, ("RescueFunction", "Properties", "Timeout"), 21),
    (function_rules.functions_run_as_designed, ("AccessFunction",), GONE),
    (
        function_rules.each_function_has_its_own_role_and_log_group,
        ("RescueFunction", "Properties", "Role", "Fn::GetAtt", 0),
        "AccessRole",
    ),
    (
        function_rules.each_function_has_its_own_role_and_log_group,
        ("RescueFunction", "Properties", "LoggingConfig", "LogGroup"),
        GONE,
    ),
    (function_rules.each_function_has_its_own_role_and_log_group, (*RESCUE, 0, "Resource"), "*"),
    (function_rules.log_groups_expire, ("AccessLogs", "Properties", "RetentionInDays"), GONE),
    (
        function_rules.the_public_functions_can_be_capped,
        ("CallbackFunction", "Properties", "ReservedConcurrentExecutions"),
        GONE,
    ),
    (
        function_rules.the_worker_may_send_to_itself,
        ("RefreshWorkerFunction", "Properties", "RecursiveLoop"),
        GONE,
    ),
    (
        function_rules.no_function_knows_the_api,
        ("CallbackFunction", "Properties", "Environment", "Variables", "PUBLIC_URL"),
        {"Fn::Sub": "https://${Api}.example.com"},
    ),
    (
        function_rules.queues_feed_functions_as_designed,
        ("RefreshWorkerFunctionWork", "Properties", "FunctionResponseTypes"),
        GONE,
    ),
    (
        function_rules.queues_feed_functions_as_designed,
        ("RescueFunctionRescue", "Properties", "BatchSize"),
        100,
    ),
    (function_rules.queues_feed_functions_as_designed, ("RescueFunctionRescue",), GONE),
    (function_rules.queues_feed_functions_as_designed, ("WorkQueue", "Properties", "VisibilityTimeout"), 40),
    (function_rules.the_schedule_is_a_minute_of_its_own_name, (*SCHEDULE, "Name"), "every-minute"),
    (
        function_rules.the_schedule_is_a_minute_of_its_own_name,
        (*SCHEDULE, "ScheduleExpression"),
        "rate(1 hour)",
    ),
    (
        function_rules.the_schedule_is_a_minute_of_its_own_name,
        (*SCHEDULE, "Target", "DeadLetterConfig"),
        GONE,
    ),
    (function_rules.the_schedule_is_a_minute_of_its_own_name, (SCHEDULE[0],), GONE),
    (log_rules.log_lines_ring, ("AccessTokenSetLost",), GONE),
    (log_rules.log_lines_ring, ("AccessTokenSetLost", "Properties", "LogGroupName", "Ref"), "CallbackLogs"),
    (log_rules.log_lines_ring, ("RefreshWorkerItemSetAside", "Properties", "FilterPattern"), ""),
    (log_rules.log_lines_ring, ("ClientRefusedAlarm",), GONE),
    (log_rules.log_lines_ring, ("ClientRefusedAlarm", "Properties", "Namespace"), "OAuthBroker"),
    (log_rules.log_lines_ring, ("TokenSetLostAlarm", "Properties", "Threshold"), 1),
    (policy_rules.wildcards_have_a_reason, (*ACCESS, 1, "Action"), "dynamodb:*"),
    (policy_rules.wildcards_have_a_reason, (*ACCESS, 1, "Resource"), "*"),
    (policy_rules.wildcards_have_a_reason, (*ACCESS, 1, "Resource"), {"Fn::Sub": "${Table.Arn}/*"}),
    (
        policy_rules.wildcards_have_a_reason,
        ("TokenPolicy", "Properties", "PolicyDocument", "Statement", 0, "Action"),
        "execute-api:*",
    ),
    (
        policy_rules.roles_are_taken_by_their_service_alone,
        ("AccessRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Principal"),
        {"AWS": "*"},
    ),
    (
        policy_rules.roles_are_taken_by_their_service_alone,
        ("ScheduleRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition"),
        GONE,
    ),
    (
        policy_rules.roles_are_taken_by_their_service_alone,
        ("AccessRole", "Properties", "ManagedPolicyArns"),
        ["arn:aws:iam::aws:policy/AdministratorAccess"],
    ),
    (policy_rules.roles_touch_only_their_rows, (*ACCESS, 1, "Condition", "Null"), GONE),
    (policy_rules.roles_touch_only_their_rows, (*ACCESS, 1, "Condition"), GONE),
    (policy_rules.roles_touch_only_their_rows, (*WORKER, 2, "Action", 0), "dynamodb:Scan"),
    (policy_rules.roles_have_no_other_rights, (*RESCUE, 3, "Action", 0), "sqs:PurgeQueue"),
    (policy_rules.roles_have_no_other_rights, (*ACCESS, 4, "Resource", "Fn::GetAtt", 0), "OtherKey"),
    (
        policy_rules.the_table_key_is_used_through_the_table,
        ("TableKeyPolicy", "Properties", "PolicyDocument", "Statement", 0, "Condition"),
        GONE,
    ),
    (policy_rules.only_our_events_are_sent, (*WORKER, 10, "Condition"), GONE),
    (sign_in_rules.the_console_is_a_public_client, (*CONSOLE, "GenerateSecret"), True),
    (sign_in_rules.the_console_is_a_public_client, (*CONSOLE, "AllowedOAuthFlows"), ["code", "implicit"]),
    (sign_in_rules.the_console_is_a_public_client, (*CONSOLE, "AllowedOAuthScopes", 0), "broker/token"),
    (sign_in_rules.the_console_is_a_public_client, (*CONSOLE, "CallbackURLs"), ["https://example.test/"]),
    (
        sign_in_rules.the_console_is_a_public_client,
        (*CONSOLE, "ExplicitAuthFlows", 1),
        "ALLOW_USER_PASSWORD_AUTH",
    ),
    (sign_in_rules.the_console_is_a_public_client, (CONSOLE[0], "Condition"), GONE),
    (sign_in_rules.the_console_is_a_public_client, (CONSOLE[0], "DependsOn"), GONE),
    (sign_in_rules.the_console_is_a_public_client, (CONSOLE[0],), GONE),
    (
        sign_in_rules.people_cannot_sign_themselves_up,
        ("UserPool", "Properties", "AdminCreateUserConfig", "AllowAdminCreateUserOnly"),
        False,
    ),
    (sign_in_rules.people_cannot_sign_themselves_up, ("UserPool", "Properties", "UserPoolTier"), "LITE"),
    (sign_in_rules.people_cannot_sign_themselves_up, ("ConsoleManagedLogin",), GONE),
    (
        sign_in_rules.people_cannot_sign_themselves_up,
        ("UserPoolDomain", "Properties", "ManagedLoginVersion"),
        1,
    ),
    (
        sign_in_rules.the_console_is_no_audience,
        (*JWT, "jwtConfiguration", "audience", "Fn::If", 2, 1),
        {"Ref": "ConsoleUserPoolClient"},
    ),
    (
        sign_in_rules.the_console_is_no_audience,
        (*JWT, "jwtConfiguration", "audience", "Fn::If", 2, 0),
        "broker",
    ),
    (sign_in_rules.the_console_is_no_audience, (*JWT, "jwtConfiguration", "issuer"), {"Ref": "OidcIssuer"}),
    (
        sign_in_rules.the_console_is_no_audience,
        ("ConsoleFunction", *ENVIRONMENT, "OIDC_AUDIENCE"),
        {"Ref": "OidcClientId"},
    ),
    (sign_in_rules.the_console_learns_its_client_from_the_stage, (*STAGE, "StageVariables"), GONE),
    (
        sign_in_rules.the_console_learns_its_client_from_the_stage,
        ("ConsoleFunction", *ENVIRONMENT, "OIDC_CLIENT_ID"),
        {"Ref": "ConsoleUserPoolClient"},
    ),
    (policy_rules.signing_is_allowed_only_where_keys_are_named, (*ACCESS, 5, "Fn::If", 0), "HasIssuer"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps(rule: Rule, document: Document) -> None:
    """No rule finds a breach in the template."""
    assert list(rule(document)) == []


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda it: f"{it[0].__name__}-{it[1][-1]}")
def test_a_rule_notices(breakage: Breakage, document: Document) -> None:
    """A template with one thing wrong has a breach of the rule that is about it."""
    rule, path, value = breakage
    put(document["Resources"], path, value)
    assert list(rule(document))


def test_no_rule_is_without_a_breakage() -> None:
    """A rule that nothing breaks would say nothing."""
    assert {rule.__name__ for rule in RULES} == {rule.__name__ for rule, _, _ in BREAKAGES}


def test_a_log_line_with_more_in_it_is_noticed(document: Document) -> None:
    """A header, a caller left out, a path that is not first: each breaks the access log's rule."""
    line = stage(document)["AccessLogSettings"]["Format"]
    for broken in (
        line.replace("$context.requestTime", "$context.identity.userAgent"),
        line.replace("$context.identity.userArn", "$context.status"),
        line.replace('{"path":"$context.path",', '{"first":"$context.status","path":"$context.path",'),
    ):
        put(document["Resources"], LOG, broken)
        assert list(api_rules.the_access_log_names_callers_and_no_query(document))


def put(place: Any, path: tuple[str | int, ...], value: object) -> None:
    """Put a value into the document, or take one away."""
    for step in path[:-1]:
        place = place[step]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
