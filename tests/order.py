"""Which file of tests begins first: the longest, so that none of them ends alone when several run at once (see the Makefile).

Their order is shuffled otherwise, and so is that of the tests within each.
"""

from __future__ import annotations

from pathlib import Path, PurePath

TESTS = Path(__file__).parent
# Seconds on two processors, where they are many; a folder's hold for each of its other files.
SECONDS = {
    "kills/test_cloud_database_kills.py": 440,
    "kills/test_kills.py": 360,
    "engines/conformance/test_outcomes.py": 350,
    "kills/test_mysql_kills.py": 290,
    "whole_path/test_no_failed_login.py": 280,
    "whole_path/test_cloud_databases.py": 270,
    "protocol/test_faults.py": 260,
    "whole_path/test_a_set_of_a_thousand.py": 230,
    "whole_path/test_redis_nodes.py": 220,
    "examples/test_examples.py": 190,
    "demo/test_interrupts.py": 180,
    "faults/test_outages.py": 170,
    "kills/test_admin_kills.py": 150,
    "kills/test_sleepers.py": 150,
    "whole_path/test_mysql_family.py": 150,
    "demo/test_whole.py": 140,
    "whole_path/test_ecs.py": 130,
    "restores/test_another_cluster.py": 130,
    "inputs/test_mysql_mistakes.py": 120,
    "kills/test_tair_kills.py": 120,
    "whole_path/test_quiet.py": 120,
    "inputs/test_cloud_mistakes.py": 120,
    "faults/test_in_mid_rotation.py": 110,
    "engines/conformance/test_overlap.py": 110,
    "engines/conformance/test_reach.py": 110,
    "kills/test_redis_kills.py": 110,
    "inputs/test_mistakes.py": 110,
    "engines/conformance/test_secrecy.py": 100,
    "whole_path/test_ram.py": 100,
    "whole_path/test_tair.py": 100,
    "kills/test_ecs_cloud_kills.py": 100,
    "engines/conformance/test_names.py": 90,
    "benchmarks/test_command.py": 90,
    "kills/test_ram_kills.py": 90,
    "restores/test_same_cluster.py": 80,
    "whole_path/test_ecs_cloud.py": 80,
    "whole_path/test_admins.py": 80,
    "kills/test_overlap_kills.py": 80,
    "protocol/test_two_controllers.py": 80,
    "engines/conformance/test_apply.py": 70,
    "whole_path/test_redis_admin.py": 70,
    "restores/test_lost_alone.py": 60,
    "protocol/test_admins.py": 60,
    "whole_path/test_redis.py": 60,
    "cluster_tests/test_node.py": 60,
    "whole_path/test_cloud_mysql.py": 60,
    "engines/conformance/test_verify.py": 60,
    "whole_path/test_polardb.py": 60,
    "cloud/test_ecs_linux.py": 50,
    "whole_path/test_types.py": 50,
    "cloud/test_database_engines.py": 40,
    "engines/test_ssh_faults.py": 40,
    "protocol/test_guards.py": 40,
    "controller/test_service.py": 40,
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
