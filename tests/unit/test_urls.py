"""What is shown of URLs holds no secret."""

from __future__ import annotations

import pytest

from fcgipm.urls import path_only


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/a?secret", "/a"),
        ("/a#b?c", "/a"),
        ("*", "*"),
        ("http://user:word@host/a?b", "http://host/a"),
        ("http://user:w@rd@host", "http://host"),
        ("https://host/a@b", "https://host/a@b"),
        ("//user:word@host/a", "//host/a"),
        ("/a//b@c", "/a//b@c"),
        ("", ""),
    ],
)
def test_secrets_of_a_url_are_left_out(url: str, shown: str) -> None:
    assert path_only(url) == shown
