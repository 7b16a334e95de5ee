"""What is left of a dump of stacks: the application's frames, and a line for ours."""

from __future__ import annotations

import pytest

from fcgipm.master.frames import cut

OURS = "/opt/fcgipm/lib/fcgipm"
APP = ['  File "/srv/shop/views.py", line 5 in pay', '  File "/srv/shop/wsgi.py", line 14 in app']
BELOW = [
    f'  File "{OURS}/gateways/wsgi.py", line 97 in _run',
    f'  File "{OURS}/worker/loop.py", line 126 in _turn',
    f'  File "{OURS}/worker/bootstrap.py", line 40 in <module>',
]
THREAD = [
    '  File "/usr/lib/python3.11/threading.py", line 982 in run',
    '  File "/usr/lib/python3.11/threading.py", line 1045 in _bootstrap_inner',
]
READING = f'  File "{OURS}/gateways/wsgi_input.py", line 40 in read'
DEMO = f'  File "{OURS}/demo/site.py", line 3 in page'
HEAD = "Current thread 0x00007ff4fbc2db80 (most recent call first):"
OTHER = "Thread 0x00007ff4fa87b6c0 (most recent call first):"


@pytest.mark.parametrize(
    ("frames", "left"),
    [
        ([*APP, *BELOW], [*APP, "  (and 3 frames of fcgipm that led there)"]),
        ([*APP, *BELOW[:2], *THREAD], [*APP, "  (and 4 frames of fcgipm that led there)"]),
        ([READING, *APP, *BELOW], [READING, *APP, "  (and 3 frames of fcgipm that led there)"]),
        ([*BELOW, *THREAD], ["  (fcgipm itself: _run, gateways/wsgi.py)"]),
        ([*BELOW[1:], *THREAD], ["  (fcgipm waits for a request)"]),
        ([*APP, *THREAD], [*APP, *THREAD]),
        (THREAD, THREAD),
        ([*APP, DEMO, *BELOW], [*APP, DEMO, "  (and 3 frames of fcgipm that led there)"]),
        ([*APP, BELOW[0], "  ..."], [*APP, BELOW[0], "  ..."]),
        (["  <no Python frame>"], ["  <no Python frame>"]),
        ([], []),
    ],
)  # fmt: skip
def test_what_lies_below_the_application_is_one_line(frames: list[str], left: list[str]) -> None:
    assert cut([HEAD, *frames], OURS) == [HEAD, *left]
    assert cut([OTHER, *frames, HEAD, *frames], OURS) == [OTHER, *left, HEAD, *left]


def test_nothing_stays_nothing() -> None:
    assert cut([]) == []
