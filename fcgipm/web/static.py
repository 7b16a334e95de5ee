"""Folders of static files: starlette's StaticFiles below path prefixes. Symbolic links may not lead out of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from fcgipm.web.exchange import Receive, Send
from fcgipm.web.pages import Page


class StaticFolders:
    """Path prefix → folder. The longest prefix that fits wins."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._folders = {
            prefix: StaticFiles(directory=folder, check_dir=False, follow_symlink=False)
            for prefix, folder in sorted(folders.items(), key=lambda item: -len(item[0]))
        }

    def prefix_of(self, path: str) -> str | None:
        """The prefix that a decoded, normal path lies below."""
        return next((prefix for prefix in self._folders if path.startswith(prefix + "/")), None)

    async def serve(self, prefix: str, path: str, scope: Mapping[str, Any], receive: Receive, send: Send) -> Page | None:
        """Send the file, or its part, or that it has not changed; or return the page that says why not."""
        try:
            await self._folders[prefix]({**scope, "path": path, "root_path": prefix}, receive, send)
        except HTTPException as refused:
            # starlette says 401 for what it may not read; but no password would help.
            status = 403 if refused.status_code == 401 else refused.status_code
            allow = (refused.headers or {}).get("Allow")
            reason = {403: "this file is not for everybody", 404: "there is no such file"}.get(status, "files are for GET and HEAD")
            return Page(status, reason, ((b"allow", allow.encode("ascii")),) if allow else ())
        return None
