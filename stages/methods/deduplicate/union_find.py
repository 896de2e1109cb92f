"""Connected components from pairs, in nearly linear time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


class UnionFind(Generic[Node]):
    """Sets of nodes that can be joined and asked for a representative (path halving, union by size; Tarjan 1975).

    Which node represents a set depends on the order of the joins; what lies together does not.
    """

    def __init__(self) -> None:
        self._parent: dict[Node, Node] = {}
        self._size: dict[Node, int] = {}

    def find(self, node: Node) -> Node:
        """The representative of the node's set; a node never seen before is a set of its own."""
        parent = self._parent
        if node not in parent:
            parent[node] = node
            self._size[node] = 1
            return node
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(self, one: Node, other: Node) -> None:
        """Put the sets of two nodes together."""
        small, large = sorted((self.find(one), self.find(other)), key=self._size.__getitem__)
        if small != large:
            self._parent[small] = large
            self._size[large] += self._size[small]

    def components(self) -> list[list[Node]]:
        """All sets; sets and their nodes in the order in which they were first seen."""
        found: dict[Node, list[Node]] = {}
        for node in list(self._parent):
            found.setdefault(self.find(node), []).append(node)
        return list(found.values())
