"""Which file of tests begins first: the longest, so that none of them ends alone when several run at once (see the Makefile).

Their order is shuffled otherwise, and so is that of the tests within each.
"""

from __future__ import annotations

from pathlib import Path, PurePath

TESTS = Path(__file__).parent
# Seconds on two processors, where they are many; a folder's hold for each of its other files.
SECONDS = {
    "whole_path/test_no_failed_login.py": 330,
    "kills/test_kills.py": 230,
    "kills/test_mysql_kills.py": 220,
    "whole_path/test_quiet.py": 150,
    "whole_path/test_a_set_of_a_thousand.py": 140,
    "inputs/test_mistakes.py": 135,
    "demo/test_interrupts.py": 130,
    "protocol/test_faults.py": 130,
    "faults/test_outages.py": 120,
    "whole_path/test_mysql_family.py": 100,
    "demo/test_whole.py": 95,
    "whole_path/test_admins.py": 90,
    "whole_path/test_canaries.py": 80,
    "whole_path/test_redis_nodes.py": 110,
    "whole_path/test_ram.py": 80,
    "whole_path/test_cloud_databases.py": 130,
    "kills/test_cloud_database_kills.py": 110,
    "cloud/test_database_engines.py": 90,
    "kills/test_ecs_cloud_kills.py": 80,
    "whole_path/test_ecs_cloud.py": 80,
    "cloud/test_ecs_linux.py": 50,
    "cloud/test_ecs_windows.py": 50,
    "whole_path/test_tair.py": 80,
    "kills/test_admin_kills.py": 90,
    "kills/test_tair_kills.py": 100,
    "kills/": 70,
    "restores/": 70,
    "faults/": 60,
    "whole_path/": 40,
    "inputs/": 40,
    "benchmarks/": 30,
    "cluster_tests/": 25,
    "examples/": 25,
    "engines/": 20,
}


def seconds(file: Path) -> int:
    """About how long a file of tests takes; 0 where it is not worth a word."""
    path = PurePath(file).relative_to(TESTS)
    return SECONDS.get(path.as_posix(), SECONDS.get(f"{path.parts[0]}/", 0))
