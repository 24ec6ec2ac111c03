from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests import spent


@pytest.mark.parametrize(("terminal", "told"), [(True, [" 0:20 min", " 1:05 min"]), (False, [" 1:05 min"])])
def test_the_time_spent_is_told_now_and_then_and_less_often_into_a_log(terminal, told):
    lines, at = [], iter([0.0, 1.0, 19.9, 20.0, 39.0, 65.0, 66.0])
    shown = spent.Spent(SimpleNamespace(isatty=terminal, write_line=lines.append), lambda: next(at))
    for _ in range(6):
        shown.pytest_runtest_logfinish()
    assert lines == told


def test_this_run_tells_it(request):
    shown = [plugin for plugin in request.config.pluginmanager.get_plugins() if isinstance(plugin, spent.Spent)]
    assert bool(shown) == (not hasattr(request.config, "workerinput"))
