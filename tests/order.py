"""Which file of tests begins first: the longest, so that none of them ends alone when several run at once (see the Makefile).

Their order is shuffled otherwise, and so is that of the tests within each.
"""

from __future__ import annotations

from pathlib import Path, PurePath

TESTS = Path(__file__).parent
# Seconds on two processors, where they are many; a folder's hold for each of its other files.
SECONDS = {
    "kills/test_kills.py": 260,
    "kills/test_mysql_kills.py": 290,
    "whole_path/test_no_failed_login.py": 250,
    "kills/test_redis_kills.py": 230,
    "whole_path/test_a_set_of_a_thousand.py": 180,
    "kills/test_host_kills.py": 170,
    "restores/test_another_cluster.py": 160,
    "demo/test_whole.py": 160,
    "protocol/test_faults.py": 150,
    "kills/test_admin_kills.py": 240,
    "faults/test_outages.py": 150,
    "whole_path/test_quiet.py": 140,
    "whole_path/test_cloud_databases.py": 140,
    "whole_path/test_cloud_mysql.py": 60,
    "kills/test_cloud_database_kills.py": 180,
    "kills/test_redis_cluster_kills.py": 130,
    "kills/test_overlap_kills.py": 120,
    "kills/test_sleepers.py": 170,
    "whole_path/test_redis_nodes.py": 120,
    "demo/test_interrupts.py": 110,
    "faults/test_in_mid_rotation.py": 110,
    "kills/test_ecs_cloud_kills.py": 110,
    "kills/test_host_admin_kills.py": 110,
    "inputs/test_mistakes.py": 110,
    "inputs/test_cloud_mistakes.py": 110,
    "whole_path/test_canaries.py": 100,
    "whole_path/test_mysql_family.py": 100,
    "whole_path/test_ecs_cloud.py": 100,
    "restores/test_same_cluster.py": 90,
    "kills/test_tair_kills.py": 90,
    "kills/test_ram_kills.py": 90,
    "kills/test_windows_kills.py": 70,
    "whole_path/test_admins.py": 80,
    "whole_path/test_tair.py": 80,
    "whole_path/test_ram.py": 80,
    "restores/test_lost_alone.py": 80,
    "benchmarks/test_command.py": 80,
    "inputs/test_mysql_mistakes.py": 80,
    "whole_path/test_ecs.py": 60,
    "benchmarks/test_bare.py": 60,
    "cloud/test_database_engines.py": 50,
    "whole_path/test_types.py": 60,
    "whole_path/test_redis.py": 50,
    "whole_path/test_redis_replicated.py": 50,
    "whole_path/test_polardb.py": 50,
    "benchmarks/test_interrupts.py": 40,
    "cloud/test_ecs_linux.py": 40,
    "cloud/test_ecs_windows_parameters.py": 40,
    "kills/": 50,
    "faults/": 50,
    "whole_path/": 30,
    "engines/": 20,
    "inputs/": 20,
    "examples/": 30,
    "cluster_tests/": 20,
}


def seconds(file: Path) -> int:
    """About how long a file of tests takes; 0 where it is not worth a word."""
    path = PurePath(file).relative_to(TESTS)
    return SECONDS.get(path.as_posix(), SECONDS.get(f"{path.parts[0]}/", 0))
