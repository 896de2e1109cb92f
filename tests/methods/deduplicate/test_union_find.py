from hypothesis import given
from hypothesis import strategies as st

from stages.methods.deduplicate.union_find import UnionFind


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_nodes_lie_together_if_and_only_if_a_path_of_joins_connects_them(joins):
    sets: UnionFind[int] = UnionFind()
    for one, other in joins:
        sets.join(one, other)
    reach = {node: {node} for pair in joins for node in pair}
    for _ in reach:
        for one, other in joins:
            reach[one] = reach[other] = reach[one] | reach[other]
            for node in reach[one]:
                reach[node] = reach[one]
    assert {frozenset(nodes) for nodes in sets.components()} == {frozenset(nodes) for nodes in reach.values()}
    assert all((sets.find(one) == sets.find(other)) == (other in reach[one]) for one in reach for other in reach)


def test_a_node_that_was_never_joined_is_alone():
    sets: UnionFind[str] = UnionFind()
    assert sets.find("a") == "a"
    assert sets.components() == [["a"]]
