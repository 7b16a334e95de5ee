"""The environ through nginx: cases G92 to G109."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.nginx.conftest import Echo
from tests.support.daemon import Daemon
from tests.support.nginx import Nginx

FOREIGN = """\
        # What other configurations send: nginx's own fastcgi_params, Debian's, Apache, Caddy.
        fastcgi_param QUERY_STRING           $query_string;
        fastcgi_param REQUEST_METHOD         $request_method;
        fastcgi_param CONTENT_TYPE           $content_type;
        fastcgi_param CONTENT_LENGTH         $content_length;
        fastcgi_param SCRIPT_NAME            $fastcgi_script_name;
        fastcgi_param SCRIPT_FILENAME        proxy:fcgi://localhost/$fastcgi_script_name;
        fastcgi_param REQUEST_URI            $request_uri;
        fastcgi_param SERVER_PROTOCOL        $server_protocol;
        fastcgi_param HTTPS                  $http_x_https;
        fastcgi_param REMOTE_ADDR            $remote_addr;
        fastcgi_param REMOTE_USER            $remote_user;
        fastcgi_param AUTH_TYPE              "";
        fastcgi_param SERVER_PORT            $server_port;
        fastcgi_param SERVER_NAME            "";
        fastcgi_param HTTP_HOST              "";
        fastcgi_param HTTP_PROXY             http://attacker.example;
        fastcgi_param HTTP_CONTENT_LENGTH    99;
        fastcgi_param HTTP_CONTENT_TYPE      text/attack;
        fastcgi_param HTTP_TRANSFER_ENCODING chunked;
"""


@pytest.fixture(scope="module")
def foreign(echo_daemon: Daemon) -> Iterator[Echo]:
    """`echo` behind an nginx that is configured as many are, unlike the shipped files."""
    with Nginx(echo_daemon.address(), substitute={"        include fcgipm_params;\n": FOREIGN}) as nginx:
        yield Echo(nginx)


def latin(text: str) -> str:
    """UTF-8 text as an environ holds it: each byte a character (PEP 3333)."""
    return text.encode().decode("latin-1")


def test_g92_path_is_decoded(echo: Echo) -> None:
    environ = echo.environ("/x%2Fy%20z/q%c3%a9")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", latin("/x/y z/qé"))
    assert environ["REQUEST_URI"] == "/x%2Fy%20z/q%c3%a9"


def test_g93_path_that_is_no_utf8(echo: Echo) -> None:
    assert echo.environ("/%FF")["PATH_INFO"] == "/\xff"


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("//a//b", "//a//b"),
        ("/a/../b", "/b"),
        ("/a/./b", "/a/b"),
        ("/a;p=1/b;q", "/a;p=1/b;q"),
        ("/a+b", "/a+b"),
        ("/a%2Bb%3Fc%23d%25e", "/a+b?c#d%e"),
        ("/a%0ab", "/a\nb"),
    ],
)
def test_g94_odd_paths(echo: Echo, path: str, seen: str) -> None:
    environ = echo.environ(path)
    assert (environ["PATH_INFO"], environ["REQUEST_URI"]) == (seen, path)


@pytest.mark.parametrize("path", ["/a%00b", "/../a", "/%2e%2e/a"])
def test_g94_paths_that_nginx_refuses(echo: Echo, path: str) -> None:
    assert echo.nginx.ask(path).status == 400


@pytest.mark.parametrize(("path", "query"), [("/a", ""), ("/a?", ""), ("/a?x=%20+&y=?#", "x=%20+&y=?"), ("/a??", "?")])
def test_g95_query_is_raw(echo: Echo, path: str, query: str) -> None:
    request = f"GET {path} HTTP/1.0\r\nHost: test.example\r\n\r\n"
    assert echo.raw_environ(request.encode())["QUERY_STRING"] == query


@pytest.mark.parametrize("path", ["/", "/a/b", "/x%2Fy%20z/q%c3%a9", "/a/"])
def test_g96_whole_path_in_script_name_is_the_same(echo: Echo, foreign: Echo, path: str) -> None:
    ours, theirs = echo.environ(path), foreign.environ(path)
    assert (ours["SCRIPT_NAME"], ours["PATH_INFO"]) == (theirs["SCRIPT_NAME"], theirs["PATH_INFO"])
    assert theirs["SCRIPT_NAME"] == ""


@pytest.mark.parametrize(
    ("path", "script_name", "path_info"),
    [
        ("/blog", "/blog", ""),
        ("/blog/", "/blog", "/"),
        ("/blog/x%20y", "/blog", "/x y"),
        ("/blogging", "", "/blogging"),
        ("/", "", "/"),
    ],
)
def test_g97_mounted_application(mounted: Echo, path: str, script_name: str, path_info: str) -> None:
    environ = mounted.environ(path)
    assert environ["SCRIPT_NAME"] == script_name
    assert environ["PATH_INFO"] == path_info


@pytest.fixture(scope="module")
def mounted() -> Iterator[Echo]:
    """The shipped example of two applications."""
    pools = {"web": {"app": "echo:application"}, "blog": {"app": "echo:validated", "mount": "/blog"}}
    with Daemon(pools) as daemon:
        upstreams = {"fcgipm_web": daemon.address("web"), "fcgipm_blog": daemon.address("blog")}
        with Nginx(upstreams, file="fcgipm-mounted.conf") as nginx:
            yield Echo(nginx)


def test_g98_apaches_script_filename_is_harmless(foreign: Echo) -> None:
    environ = foreign.environ("/a")
    assert (environ["PATH_INFO"], environ["SCRIPT_FILENAME"]) == ("/a", "proxy:fcgi://localhost//a")


def test_g99_server_name_is_never_empty_and_port_is_text(echo: Echo, foreign: Echo) -> None:
    named = echo.environ("/", {"Host": "Shop.Example:8080"})
    assert (named["SERVER_NAME"], named["SERVER_PORT"]) == ("shop.example", str(echo.nginx.port))
    assert named["HTTP_HOST"] == "Shop.Example:8080"
    nameless = echo.raw_environ(b"GET / HTTP/1.0\r\n\r\n")
    assert nameless["SERVER_NAME"] == "shop.example"
    assert foreign.environ("/")["SERVER_NAME"] != ""


def test_g100_empty_host_is_absent(echo: Echo, foreign: Echo) -> None:
    assert "HTTP_HOST" not in foreign.environ("/")
    assert "HTTP_HOST" not in echo.raw_environ(b"GET / HTTP/1.0\r\n\r\n")


def test_host_of_an_absolute_target_counts_more_than_the_header(echo: Echo) -> None:
    request = b"GET http://good.example:81/p HTTP/1.1\r\nHost: evil.example:9\r\nConnection: close\r\n\r\n"
    environ = echo.raw_environ(request)
    assert (environ["HTTP_HOST"], environ["SERVER_NAME"], environ["PATH_INFO"]) == ("good.example:81", "good.example", "/p")


@pytest.mark.parametrize(("https", "scheme"), [("on", "https"), ("1", "https"), ("ON", "https"), ("off", "http"), ("", "http")])
def test_g101_scheme(foreign: Echo, https: str, scheme: str) -> None:
    assert foreign.environ("/", {"X-Https": https})["wsgi.url_scheme"] == scheme


def test_g101_a_header_makes_no_https(echo: Echo) -> None:
    environ = echo.environ("/", {"X-Forwarded-Proto": "https", "Https": "on"})
    assert environ["wsgi.url_scheme"] == "http"
    assert "HTTPS" not in environ


def test_g102_httpoxy(echo: Echo, foreign: Echo) -> None:
    for through in (echo, foreign):
        assert "HTTP_PROXY" not in through.environ("/", {"Proxy": "http://attacker.example"})


def test_g103_empty_user_is_absent(foreign: Echo) -> None:
    environ = foreign.environ("/")
    assert "REMOTE_USER" not in environ
    assert "AUTH_TYPE" not in environ


def test_g103_unchecked_user_is_absent(echo: Echo) -> None:
    environ = echo.environ("/", {"Authorization": "Basic YWRtaW46Z3Vlc3NlZA==", "Remote-User": "admin"})
    assert "REMOTE_USER" not in environ
    assert environ["HTTP_AUTHORIZATION"] == "Basic YWRtaW46Z3Vlc3NlZA=="


def test_g104_headers_about_the_body_are_absent(echo: Echo, foreign: Echo) -> None:
    for through in (echo, foreign):
        answer = through.answer("/", {"Content-Type": "text/x"}, method="POST", body=b"12345")
        environ = answer["environ"]
        assert (environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"], answer["length"]) == ("5", "text/x", 5)
        names = {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"}
        assert not names & set(environ)


def test_g104_without_a_body_there_is_no_length(echo: Echo) -> None:
    environ = echo.environ("/")
    assert not environ.get("CONTENT_LENGTH")
    assert "CONTENT_TYPE" not in environ


def test_g105_underscore_header_is_dropped_by_nginx(echo: Echo) -> None:
    """X_B and X-B are one name in an environ; nginx drops the first (underscores_in_headers off)."""
    assert echo.environ("/", {"X_B": "forged", "X-B": "real"})["HTTP_X_B"] == "real"


def test_g106_environ_is_a_fresh_real_dict_of_str(echo: Echo, misbehaving: Nginx) -> None:
    answer = echo.answer("/")
    assert (answer["class"], answer["types"]) == ("dict", ["str"])
    assert [misbehaving.ask("/stain").body for _ in range(3)] == [b"clean"] * 3


def test_g107_bytes_beyond_ascii_come_through(echo: Echo) -> None:
    request = b"GET /?\xe9\xff HTTP/1.0\r\nHost: test.example\r\nX-Bytes: \xe9\xff\r\n\r\n"
    environ = echo.raw_environ(request)
    assert (environ["HTTP_X_BYTES"], environ["QUERY_STRING"]) == ("\xe9\xff", "\xe9\xff")


def test_g107_bytes_beyond_ascii_come_back(misbehaving: Nginx) -> None:
    head = b"GET /literal?%7B%22headers%22%3A%20%5B%28%22X-Bytes%22%2C%20%22%5Cxe9%5Cxff%22%29%5D%7D HTTP/1.0\r\n\r\n"
    assert b"\r\nX-Bytes: \xe9\xff\r\n" in misbehaving.raw(head)


def test_g108_flags_are_true_to_the_pool(echo: Echo) -> None:
    environ = echo.environ("/")
    assert environ["wsgi.multithread"] is False
    assert environ["wsgi.multiprocess"] is True
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.version"] == [1, 0]


def test_g108_threads(daemon_factory: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]) -> None:
    daemon = daemon_factory({"web": {"app": "echo:application", "workers": {"min": 1, "max": 1, "threads": 3}}})
    assert json.loads(nginx_factory(daemon.address()).ask("/").body)["environ"]["wsgi.multithread"] is True


@pytest.fixture(scope="module")
def misbehaving_daemon() -> Iterator[Daemon]:
    with Daemon({"web": {"app": "misbehave:application"}}) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def misbehaving(misbehaving_daemon: Daemon) -> Iterator[Nginx]:
    with Nginx(misbehaving_daemon.address()) as nginx:
        yield nginx


def test_g109_errors_take_any_text(misbehaving: Nginx, misbehaving_daemon: Daemon) -> None:
    assert misbehaving.ask("/errors?kind=euro").body == b"written"
    misbehaving_daemon.wait_for_line("price: .* 5")


def test_h142_much_in_errors_before_the_headers(misbehaving: Nginx, misbehaving_daemon: Daemon) -> None:
    """Sent to nginx it would be a 502, "upstream sent too big header"; it belongs into our log."""
    response = misbehaving.ask("/errors?kind=long")
    assert (response.status, response.body) == (200, b"written")
    misbehaving_daemon.wait_for_line("e{3000,}")


def test_repeated_headers_are_joined(echo: Echo) -> None:
    """Case C40 as nginx really sends it."""
    request = b"GET / HTTP/1.0\r\nCookie: a=1\r\nX-Tag: 1\r\nCookie: b=2\r\nX-Tag: 2\r\n\r\n"
    environ = echo.raw_environ(request)
    assert (environ["HTTP_COOKIE"], environ["HTTP_X_TAG"]) == ("a=1; b=2", "1, 2")


def test_request_id_is_nginxs(echo: Echo) -> None:
    first, second = (echo.environ("/")["REQUEST_ID"] for _ in range(2))
    assert first != second
    assert len(first) == 32


def test_chunked_upload(echo: Echo) -> None:
    """nginx has the whole body before it asks, and says how long it is."""
    request = (
        b"POST / HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    )
    body = json.loads(echo.nginx.raw(request).partition(b"\r\n\r\n")[2])
    assert (body["length"], body["environ"]["CONTENT_LENGTH"]) == (11, "11")


def test_d62_chunked_upload_unbuffered(misbehaving_daemon: Daemon) -> None:
    """Trap 12: no length at all; reads return what is there, and the body ends where its stream ends."""
    line = "        include fcgipm_params;\n"
    unbuffered = "fastcgi_request_buffering off; fastcgi_buffering off;\n"
    head = b"POST /drip?n=100 HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Nginx(misbehaving_daemon.address(), substitute={line: line + unbuffered}) as nginx:
        with socket.create_connection(("127.0.0.1", nginx.port), 20) as client, client.makefile("rb") as answer:
            client.sendall(head + b"5\r\nhello\r\n")
            assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
            while answer.readline().strip():
                pass
            assert answer.readline() + answer.readline() == b"2\r\n5 \r\n"
            client.sendall(b"6\r\n world\r\n")
            assert answer.readline() + answer.readline() == b"2\r\n6 \r\n"
            client.sendall(b"0\r\n\r\n")
            assert answer.read() == b"2\r\n0 \r\n0\r\n\r\n"
