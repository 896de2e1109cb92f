"""Look the locked packages up among known vulnerabilities, by pip-audit: `python -m tests.vulnerabilities`.

It ends with 1 when one is known and a version without it exists. Where its data cannot be reached it says so and ends
with 0: the code is the same with and without a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path("requirements/lock.txt")
SECONDS = 25


def main() -> int:
    """Say what is known, and what is not."""
    found = audit(LOCK)
    asked = [one for one in found if "skip_reason" not in one]
    known = [(f"{one['name']} {one['version']}", vuln) for one in asked for vuln in one["vulns"]]
    lines = [
        f"{name}: {vuln['id']}, mended in {', '.join(vuln['fix_versions']) or 'no version'}" for name, vuln in known
    ]
    told = f"{len(asked)} packages looked up, {len(found) - len(asked)} not known there, {len(known)} vulnerabilities"
    lines.append(f"pip-audit: {told if asked else 'its data cannot be reached from here; nothing was looked up'}")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(vuln["fix_versions"] for _, vuln in known))


def audit(lock: Path) -> list[dict[str, Any]]:
    """What pip-audit says of each package; nothing where it could not ask."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--no-deps", "--disable-pip",
               "--progress-spinner", "off", "--format", "json"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        return list(json.loads(done.stdout)["dependencies"])
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return []


if __name__ == "__main__":
    sys.exit(main())
