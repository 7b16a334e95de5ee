"""What cannot be loaded, beyond what the daemons of other tests try."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fcgipm.worker.importing import Unimportable, try_program


def test_a_folder_of_scripts_that_has_gone_since_it_was_checked() -> None:
    settings: Any = SimpleNamespace(cgi="/nowhere/at/all")
    with pytest.raises(Unimportable, match="^cgi folder /nowhere/at/all cannot be read: No such file or directory$"):
        try_program(settings)
