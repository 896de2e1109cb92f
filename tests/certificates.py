"""A certificate of a private training with plausible numbers, and what the audit found beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def certificate(**changes: Any) -> dict[str, Any]:
    """As `finetune` writes it into `privacy.json`; `changes` replace top-level keys."""
    found: dict[str, Any] = {
        "format": 1,
        "private": True,
        "not_private_because": None,
        "unit": "record",
        "adjacency": "two sets of training records are neighbours when one has one record more",
        "records": 4269,
        "units": 4269,
        "largest_unit": 3,
        "with_subject": 4100,
        "left_out": 12,
        "mechanism": {
            "noise_multiplier": 0.9046,
            "rate": 0.059967,
            "expected_batch": 256,
            "steps": 334,
            "max_grad_norm": 1.0,
            "mode": "hooks",
            "runs": 1,
        },
        "accountant": {"name": "prv", "library": "opacus", "version": "1.6.0"},
        "delta": 1e-5,
        "epsilon": {"record": 7.9931, "subject": 27.41, "target": 8.0},
        "ledger": {"run": "5f0c", "entry": "ab12cd34" * 8, "runs": 3, "epsilon": 45.2, "delta": 1e-5},
        "excludes": [
            {"what": "preprocessing", "why": "`deduplicate` looks at several rows: the guarantee is for what it left"},
            {"what": "validation", "why": "validation rows are not trained on, and what is measured is published"},
            {"what": "metrics", "why": "scores and attacks of later stages are made without noise"},
        ],
        "self_test": {"norms": 1.2e-7, "swap": 0.0},
        "canaries": 200,
        "audit": "data/audit/privacy.json",
        "spread": None,
        "digests": {"split": "aa", "train_ids": "bb", "plan": "cc"},
    }  # fmt: skip
    return found | changes


def attacks() -> Mapping[str, Any]:
    """What the report of `audit` holds where records were planted."""
    return {
        "canary": {
            "epsilon_at_least": 0.2113, "ceiling": 4.1702, "guesses": 50, "correct": 33, "canaries": 200, "delta": 1e-5,
            "included": 104, "claimed": 7.9931, "underpowered": False,
            "control": {"epsilon_at_least": 2.3871, "guesses": 50, "correct": 48},
        },
        "canary_sentence": "Of 50 guesses 33 were right: epsilon is at least 0.21.",
        "exposure": {
            "codes": 512, "ceiling": 9.0, "by_chance": 1.4,
            **{f"repeats_{count}": {"secrets": 8, "exposure": bits, "likeliest": 0, "p_value": 0.4}
               for count, bits in ((0, 1.3), (1, 1.6), (4, 2.2), (16, 7.5))},
        },
        "exposure_sentence": "Of invented secrets, those trained on 16 times are remembered.",
        "regurgitation": {
            "members": {"asked": 50, "verbatim": 3, "share": 0.06, "share_low": 0.0125, "share_high": 0.1655},
            "others": {"asked": 50, "verbatim": 2, "share": 0.04, "share_low": 0.0049, "share_high": 0.1371},
            "p_value": 0.5,
        },
        "regurgitation_sentence": "It goes on with 3 of 50 training answers, and with 2 of 50 test answers.",
    }  # fmt: skip
