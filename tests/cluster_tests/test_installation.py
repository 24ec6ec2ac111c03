from __future__ import annotations

import subprocess
import sys

from tests.cluster import installation


def test_the_operator_of_a_test_loads_no_client_that_only_tests_have():
    code = (
        "import sys, keyward.controller.app; print('kopf' in sys.modules, {'requests', 'urllib3'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], env=installation.environment(), capture_output=True, text=True, check=True
    )
    assert answer.stdout == "True set()\n"
