"""What the tests of egress share."""

from __future__ import annotations

import pytest

from tests.integration.egress.authority import Authority


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody trusts unless told to."""
    return Authority(tmp_path_factory.mktemp("authority"))
