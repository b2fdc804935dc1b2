"""Rules of what is counted in the logs: the lines that somebody must know of.

A rule takes the transformed template and yields a sentence for each breach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.template.document import Document, resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMESPACE: Final = {"Fn::Sub": "OAuthBroker/${AWS::StackName}"}
LOST: Final = '{ $.message = "token set lost" }'
CLIENT_REFUSED: Final = (
    '{ ($.message = "resource paused") && '
    '(($.category = "invalid_client") || ($.category = "unauthorized_client")) }'
)
SET_ASIDE: Final = '{ ($.message = "item set aside") || ($.message = "resource cannot be read") }'

# (metric, pattern) → the log groups of all functions that write such a line.
COUNTED: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    # Those that commit what a provider gave.
    ("TokenSetsLost", LOST): frozenset({"CallbackLogs", "RefreshWorkerLogs", "AccessLogs"}),
    # Those that call a token endpoint.
    ("ClientsRefused", CLIENT_REFUSED): frozenset(
        {"CallbackLogs", "RefreshWorkerLogs", "ResourcesApiLogs", "AccessLogs"}
    ),
    # Those that refresh.
    ("ItemsSetAside", SET_ASIDE): frozenset({"RefreshWorkerLogs", "AccessLogs"}),
}
RINGS: Final[Mapping[str, Any]] = {
    "Namespace": NAMESPACE,
    "Statistic": "Sum",
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


def log_lines_ring(document: Document) -> Iterator[str]:
    """Each such line is counted wherever it may be written, and rings at the first."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for name, counted in resources(document, "AWS::Logs::MetricFilter").items():
        (metric,) = counted["MetricTransformations"]
        if metric["MetricNamespace"] != NAMESPACE or metric["MetricValue"] != "1":
            yield f"{name} counts {metric}"
        counts = (metric["MetricName"], counted["FilterPattern"])
        found[counts] = found.get(counts, frozenset()) | {counted["LogGroupName"]["Ref"]}
    for counts, groups in COUNTED.items():
        if found.get(counts) != groups:
            yield f"{counts} is looked for in {found.get(counts)}"
    yield from (f"{counts} is not in the design" for counts in found.keys() - COUNTED.keys())
    alarms = resources(document, "AWS::CloudWatch::Alarm").values()
    for metric, _ in COUNTED:
        if not any(alarm.get("MetricName") == metric and RINGS.items() <= alarm.items() for alarm in alarms):
            yield f"nothing rings for {metric}"
