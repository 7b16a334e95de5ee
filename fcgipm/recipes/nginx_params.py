"""The params that nginx sends, the same for every configuration. `nginx/fcgipm_params` is this text, compared byte for byte by a test."""

from __future__ import annotations

PARAMS = """\
# What nginx tells an application of fcgipm about a request. Copy to /etc/nginx/ and include it beside each fastcgi_pass.
# It replaces nginx's own fastcgi_params: do not include both. Why each line is as it is stands above it.

# The order serves speed: what is the same for every request comes first, what differs comes next, and all that is named HTTP_ comes last, where
# nginx adds the client's headers. fcgipm remembers the first part and the last, and reads only the middle afresh.

fastcgi_param GATEWAY_INTERFACE CGI/1.1;
fastcgi_param SERVER_SOFTWARE   nginx/$nginx_version;
fastcgi_param SERVER_PROTOCOL   $server_protocol;

# http or https as nginx itself saw it, never as a header claims. Behind a proxy that ends TLS, set both from what you know, e.g.
# "fastcgi_param HTTPS on; fastcgi_param REQUEST_SCHEME https;" after this include.
fastcgi_param REQUEST_SCHEME    $scheme;
fastcgi_param HTTPS             $https          if_not_empty;

# $host: the same name without the port; where the client named none, the first server_name of the server block. WSGI requires that it is never
# empty ($server_name would be, in a block that has no name): give every server block a server_name.
fastcgi_param SERVER_NAME       $host;
fastcgi_param SERVER_PORT       $server_port;
fastcgi_param SERVER_ADDR       $server_addr;

# WSGI wants the path split and decoded. The whole decoded path goes into PATH_INFO ($document_uri: %XX undone, dot segments removed);
# SCRIPT_NAME is empty because the application is the root of the site. (nginx's own file puts the path into SCRIPT_NAME and
# sends no PATH_INFO: that is for PHP, where the path names a file.) An application below a prefix: set `mount:` in its pool, change
# nothing here; fcgipm moves the prefix into SCRIPT_NAME.
fastcgi_param SCRIPT_NAME       "";
fastcgi_param PATH_INFO         $document_uri;

# The request line. REQUEST_URI is the target as the client wrote it (raw, undecoded); QUERY_STRING is raw as well.
fastcgi_param REQUEST_METHOD    $request_method;
fastcgi_param REQUEST_URI       $request_uri;
fastcgi_param QUERY_STRING      $query_string;

# The body. Absent rather than empty when the request has none (RFC 3875, 4.1.2 and 4.1.3).
fastcgi_param CONTENT_LENGTH    $content_length if_not_empty;
fastcgi_param CONTENT_TYPE      $content_type   if_not_empty;

# The peer. Behind a trusted proxy use nginx's set_real_ip_from and real_ip_header: they change $remote_addr.
fastcgi_param REMOTE_ADDR       $remote_addr;
fastcgi_param REMOTE_PORT       $remote_port;

# No REMOTE_USER: $remote_user is whatever name the client put into an Authorization header, checked by nobody unless this very location has
# auth_basic. In such a location, and only there, add after this include:
#     fastcgi_param REMOTE_USER $remote_user;
#     fastcgi_param AUTH_TYPE   Basic;

# One name for this request in nginx's log ($request_id in a log_format), the application's and fcgipm's.
fastcgi_param REQUEST_ID        $request_id;

# When nginx handed the request on. `wait` in a pool's access_log, how long the request was in the pool's queue, is reckoned from it, and null
# without it. Off as it comes, because nothing else asks for it and each request has one param more.
#fastcgi_param REQUEST_START    $msec;

# Which host was asked for, with its port, so that URLs the application builds lead back here: from an absolute request target, else
# from the Host header (RFC 9112, 3.2.2). $fcgipm_host is made by the map in fcgipm.conf. Without one, no HTTP_HOST.
fastcgi_param HTTP_HOST         $fcgipm_host    if_not_empty;

# Request headers that must not reach the application. Naming them here keeps nginx from passing the client's; "if_not_empty" then sends none at all.
# Proxy: would become HTTP_PROXY, which programs take for their own outgoing proxy (httpoxy).
fastcgi_param HTTP_PROXY             "" if_not_empty;
# These describe the body as it came over HTTP. nginx has decoded it since: CONTENT_LENGTH and CONTENT_TYPE above are the ones to trust.
fastcgi_param HTTP_CONTENT_LENGTH    "" if_not_empty;
fastcgi_param HTTP_CONTENT_TYPE      "" if_not_empty;
fastcgi_param HTTP_TRANSFER_ENCODING "" if_not_empty;
"""
