from __future__ import annotations

import grp
import os
import pwd

import pytest

from fcgipm.system.accounts import AccountError, gid_of, in_group, starter, uid_of, user_named

NOBODY = pwd.getpwnam("nobody")


def test_the_starter_is_who_we_are() -> None:
    who = starter()
    assert (who.uid, who.gid, who.switched) == (os.geteuid(), os.getegid(), False)
    assert set(who.groups) == set(os.getgroups())


def test_lookups_by_name_and_number() -> None:
    assert uid_of("nobody") == uid_of(str(NOBODY.pw_uid)) == NOBODY.pw_uid
    group = grp.getgrgid(NOBODY.pw_gid).gr_name
    assert gid_of(group) == gid_of(str(NOBODY.pw_gid)) == NOBODY.pw_gid


@pytest.mark.parametrize("name", ["no-such-account", "4294967290", "9" * 30, "²", ""])
def test_accounts_that_do_not_exist(name: str) -> None:
    with pytest.raises(AccountError, match="no such user: .*getent passwd"):
        uid_of(name)
    with pytest.raises(AccountError, match="no such group: .*getent group"):
        gid_of(name)
    with pytest.raises(AccountError, match="no such user"):
        user_named(name)


@pytest.mark.root
def test_root_can_be_anybody_with_all_groups() -> None:
    who = user_named("nobody")
    assert (who.uid, who.gid, who.home, who.switched) == (NOBODY.pw_uid, NOBODY.pw_gid, NOBODY.pw_dir, True)
    assert set(who.groups) == set(os.getgrouplist("nobody", NOBODY.pw_gid))


@pytest.mark.root
def test_another_group_takes_the_place_of_the_users_own() -> None:
    who = in_group(user_named("nobody"), gid_of("daemon"))
    assert who.gid == gid_of("daemon") and NOBODY.pw_gid not in who.groups and who.gid in who.groups


def test_the_starters_own_group_is_no_switch() -> None:
    assert in_group(starter(), os.getegid()) == starter()
    with pytest.raises(AccountError, match="only root"):
        in_group(starter(), os.getegid() + 1)


def test_an_ordinary_user_can_be_itself_alone() -> None:
    """As root, a child that is an ordinary user says it."""
    if os.geteuid() != 0:
        check_ordinary()
        return
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgid(NOBODY.pw_gid)
            os.setuid(NOBODY.pw_uid)
            check_ordinary()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def check_ordinary() -> None:
    assert user_named(str(os.getuid())) == starter()
    with pytest.raises(AccountError, match="only root can run a pool as another user"):
        user_named("root")
