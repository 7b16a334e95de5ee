"""`fcgipm bench`: one application, served as CGI and as FastCGI in turn, and what that makes of it."""
