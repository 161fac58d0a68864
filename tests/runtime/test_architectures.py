"""The layers that configs name."""

from pathlib import Path

import pytest

from tests.pipelines import build


def test_unknown_precision_is_refused(bert: Path):
    with pytest.raises(ValueError, match="precision is 'int4', but has to be one of auto, float32, bfloat16, int8"):
        build(bert, precision="int4")
