"""A schedule's turn brings the event that EventBridge Scheduler sends."""

from __future__ import annotations

from local.schedule import schedule_event
from local.template import Schedule

ARN = "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/Every"


def test_without_an_input_the_service_sends_its_own_event() -> None:
    """It has EventBridge's members, with an empty detail as a string."""
    assert schedule_event(Schedule("Every", "F", 60, None), 1583348638.9, "id") == {
        "version": "0",
        "id": "id",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "time": "2020-03-04T19:03:58Z",
        "region": "eu-central-1",
        "resources": [ARN],
        "detail": "{}",
    }


def test_an_input_has_its_context_attributes_filled_in() -> None:
    """What stands between angle brackets is replaced, and the rest is sent as it is."""
    text = '{"at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>", "n": 1}'
    made = schedule_event(Schedule("Every", "F", 60, text), 1583348638.9, "id")
    assert made == {"at": "2020-03-04T19:03:58Z", "by": ARN, "n": 1}
