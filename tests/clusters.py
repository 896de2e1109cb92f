"""A Ray cluster of two nodes on this machine, started once for all tests that ask for it."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import pytest


@lru_cache(maxsize=1)
def _cluster() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    return cluster


@pytest.fixture(scope="session")
def two_nodes():
    """Address of a cluster of two nodes with a CPU each."""
    cluster = _cluster()
    yield cluster.address
    cluster.shutdown()
