"""What single annotators said of a record: kept among its attributes, under a name that no group can have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

_PREFIX = "annotator."


def with_votes(groups: Mapping[str, str], votes: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a record: its groups, and what annotators said by the name of their column."""
    return {**groups, **{_PREFIX + column: vote for column, vote in votes.items()}}


def votes_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """What each annotator said, by column."""
    return {name.removeprefix(_PREFIX): vote for name, vote in attributes.items() if name.startswith(_PREFIX)}


def groups_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """The groups that the row belongs to, by name: the other attributes."""
    return {name: value for name, value in attributes.items() if not name.startswith(_PREFIX)}


def agreed(votes: Mapping[str, str]) -> float | None:
    """The share of the votes for the most frequent answer; None for a single vote, which nobody could contradict."""
    return max(Counter(votes.values()).values()) / len(votes) if len(votes) > 1 else None
