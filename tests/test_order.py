from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests import conftest, order


@pytest.mark.parametrize("name", order.SECONDS)
def test_each_file_and_folder_that_has_a_place_is_there(name):
    assert (order.TESTS / name).exists()


def test_the_longest_file_begins_first_and_the_order_within_each_stays_as_it_was_shuffled():
    shuffled = [
        "domain/b",
        "kills/test_kills.py",
        "kills/test_kills.py",
        "whole_path/x",
        "domain/a",
        "whole_path/test_quiet.py",
    ]
    items = [SimpleNamespace(path=order.TESTS / name, number=n) for n, name in enumerate(shuffled)]
    conftest.pytest_collection_modifyitems(items)
    assert [item.number for item in items] == [1, 2, 5, 3, 0, 4]
