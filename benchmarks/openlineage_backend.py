"""Does a backend take the events of `rowtrail lineage`? Checked against the models that OpenMetadata reads them with.

OpenMetadata takes OpenLineage events at `/api/v1/openlineage/lineage`; its Python package holds the models of that
endpoint, made from the server's own JSON schema (`api/lineage/openlineage/openLineageRunEvent.json`). The server itself
is Java and is not run here. The package needs nothing else for this:

    pip install --no-deps --target /some/folder openmetadata-ingestion==2.0.7.0
    rowtrail lineage --out events.jsonl
    PYTHONPATH=/some/folder python benchmarks/openlineage_backend.py events.jsonl
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import logging
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

_PACKAGE = "metadata"
_MODELS = f"{_PACKAGE}.generated.schema.api.lineage.openlineage.openLineageRunEvent"


def models() -> Any:
    """The module with the endpoint's models; the package's own start, which needs its server tools, is left out."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        sys.exit("openmetadata-ingestion is not there: see the head of this file")
    logging.disable(logging.CRITICAL)  # it logs, for every part it reads, that a package for e-mail is not there
    bare = ModuleType(_PACKAGE)
    bare.__path__ = list(found.submodule_search_locations)
    sys.modules[_PACKAGE] = bare
    return importlib.import_module(_MODELS)


def main() -> int:
    """Print how many events are taken, and what is wrong with the others. 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("events", type=Path, help="what `rowtrail lineage --out` wrote")
    events = [json.loads(line) for line in parser.parse_args().events.read_text(encoding="utf-8").splitlines()]
    model = models().OpenLineageRunEvent
    taken: Counter[str] = Counter()
    wrong = 0
    for event in events:
        try:
            read = model.model_validate(event)
        except ValidationError as error:
            wrong += 1
            print(f"{event.get('eventType')} {event.get('job', {}).get('name')}: {error}")
            continue
        taken[read.eventType.value] += 1
    print(f"{len(events)} events: {sum(taken.values())} taken ({dict(taken)}), {wrong} refused")
    return 1 if wrong or not events else 0


if __name__ == "__main__":
    sys.exit(main())
