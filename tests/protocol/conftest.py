import sys
import types

try:
    import keyward.api.credential
except ImportError:
    m = types.ModuleType("keyward.api.credential")
    m.Credential = object
    sys.modules["keyward.api.credential"] = m
