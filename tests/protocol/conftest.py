"""The simulated world needs the executor's types alone."""

from __future__ import annotations

import importlib.util
import sys
import types

if importlib.util.find_spec("keyward.api.credential") is None:
    stand_in = types.ModuleType("keyward.api.credential")
    stand_in.Credential = object  # type: ignore[attr-defined]
    sys.modules["keyward.api.credential"] = stand_in
