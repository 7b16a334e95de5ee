"""Names of a request never lead out of the folder, and its path is split around the script."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.gateways.cgi_path import Outside, Wanted, split, wanted

FOLDER, MOUNT = "/srv/cgi-bin", "/cgi"
NAMES = st.lists(st.sampled_from(["", ".", "..", "a", "b.sh", "..a", "%2e%2e", "\0", " ", "\xff"]), max_size=6).map("/".join)
STARTS = st.sampled_from(["", "/", MOUNT, MOUNT + "/", FOLDER, FOLDER + "/", "/srv/cgi-bin2/", "/srv/", "../"])


def asked(params: dict[str, str]) -> Wanted:
    return wanted(*(params.get(name, "") for name in ("SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO")), FOLDER, MOUNT)


@given(STARTS, NAMES, st.booleans(), NAMES)
def test_no_name_leads_out(start: str, names: str, by_file: bool, info: str) -> None:
    params = {"SCRIPT_NAME": start + names, "PATH_INFO": info, **({"SCRIPT_FILENAME": start + names} if by_file else {})}
    try:
        request = asked(params)
    except Outside:
        return
    below = posixpath.normpath(posixpath.join(FOLDER, *[name for name in request.names if name]))
    assert below == FOLDER or below.startswith(FOLDER + "/")
    for count in range(1, len(request.names) + 1):
        script_name, path_info = split(request, count)
        assert script_name + path_info == request.path


@pytest.mark.parametrize("params", [{"PATH_INFO": "/other/x"}, {"PATH_INFO": "/cgix"}, {"PATH_INFO": ""}, {"SCRIPT_FILENAME": "/srv/cgi-binx/y"}])
def test_what_is_not_below(params: dict[str, str]) -> None:
    with pytest.raises(Outside):
        asked(params)
