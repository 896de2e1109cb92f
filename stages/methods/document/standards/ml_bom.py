"""CycloneDX ML-BOM 1.6: what the model is made of, down to files and digests, and its model card.

CycloneDX 1.6 is ECMA-424 (1st edition, 2024). No time of creation is written, and the serial number is a hash: the
same record gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from stages.methods.document.facts import Facts
from stages.methods.document.figures import Recorded
from stages.methods.document.scores import SPLITS
from stages.methods.document.standards.facts import all_public, data_version, digest, files, personal, sources
from stages.methods.document.standards.model_card import model_card
from stages.methods.document.tree import find

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

MODEL, DATA, BASE = "model", "data:split", "base-model"
_RECORDS = "records.parquet"


def ml_bom(recorded: Recorded, facts: Facts) -> str | None:
    """The document as JSON text; None where `finetune` was not given."""
    if not digest(recorded, "finetune"):
        return None
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    model, data, base = _model(recorded, facts), _data(recorded, facts), _base(recorded, facts)
    origins, libraries = _sources(recorded), _libraries(facts.packages)
    bom = Bom(
        components=[one for one in (data, base, *origins, *libraries) if one],
        metadata=BomMetaData(component=model),
    )
    bom.register_dependency(model, [one for one in (data, base, *libraries) if one])
    if data:
        bom.register_dependency(data, origins)
    document = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    _complete(document, recorded, facts)
    # One serial number for one content: the same model with another audit is another document.
    document["serialNumber"] = ""
    content = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    document["serialNumber"] = uuid5(NAMESPACE_URL, f"urn:rowtrail:ml-bom:{content}").urn
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _complete(document: dict[str, Any], recorded: Recorded, facts: Facts) -> None:
    """Add what CycloneDX has and its Python library (11.12) has no classes for: model cards, and what data is."""
    del document["metadata"]["timestamp"]  # the library always writes the time
    document["metadata"]["component"]["modelCard"] = model_card(recorded, facts, DATA if _has_data(recorded) else None)
    about = {DATA: _about_data(recorded, facts)}
    about |= {_source_ref(source): _about_source(source) for source in sources(recorded)}
    for component in document.get("components", []):
        if component["bom-ref"] in about:
            component["data"] = [about[component["bom-ref"]]]
    # An entry without `dependsOn` would say that a library needs nothing; what it needs is not looked at here.
    document["dependencies"] = [one for one in document["dependencies"] if one.get("dependsOn")]


def _model(recorded: Recorded, facts: Facts) -> Component:
    from cyclonedx.model.component import Component, ComponentType, Pedigree

    base = _base_name(recorded, facts)
    ancestor = Component(name=base, type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref=f"ancestor:{BASE}")
    tuned = {name: sha for name, sha in files(recorded, "finetune").items() if name.startswith("model/")}
    return Component(
        name=facts.title or "model",
        type=ComponentType.MACHINE_LEARNING_MODEL,
        version=digest(recorded, "finetune")[:12],
        bom_ref=MODEL,
        licenses=_licenses(facts.statements.get("license")),
        components=_files(MODEL, tuned),
        pedigree=Pedigree(ancestors=[ancestor], notes=f"Fine-tuned from {base}") if base else None,
        properties=_properties({"manifest:sha256": digest(recorded, "finetune")}),
    )


def _base_name(recorded: Recorded, facts: Facts) -> str:
    return str(facts.plan.get("model") or find(recorded, "plan", "manifest", "params", "model") or "")


def _base(recorded: Recorded, facts: Facts) -> Component | None:
    """The model that training started from, by the digests that `plan` recorded of its files."""
    from cyclonedx.model.component import Component, ComponentType

    name = _base_name(recorded, facts)
    kind, inside = ComponentType.MACHINE_LEARNING_MODEL, _files(BASE, facts.plan.get("base") or {})
    return Component(name=name, type=kind, bom_ref=BASE, components=inside) if name else None


def _has_data(recorded: Recorded) -> bool:
    return bool(digest(recorded, "split"))


def _data(recorded: Recorded, facts: Facts) -> Component | None:
    from cyclonedx.model.component import Component, ComponentType

    if not _has_data(recorded):
        return None
    return Component(
        name=f"{facts.title or 'model'}: data",
        type=ComponentType.DATA,
        version=data_version(recorded),
        bom_ref=DATA,
        licenses=_licenses(facts.statements.get("license")),
        hashes=_sha256(files(recorded, "split").get(_RECORDS)),
        properties=_properties({"manifest:sha256": digest(recorded, "split")}),
    )


def _about_data(recorded: Recorded, facts: Facts) -> dict[str, Any]:
    rows = find(recorded, "split", "manifest", "reasons", "assign") or {}
    counted = [
        {"name": f"rowtrail:rows:{name}", "value": str(rows[name])} for name in (*SPLITS, *sorted(rows)) if name in rows
    ]
    about: dict[str, Any] = {
        "type": "dataset",
        "name": facts.title or "data set",
        "contents": {"url": facts.records_url, "properties": list({one["name"]: one for one in counted}.values())},
        "classification": "public" if all_public(recorded) else "not public",
    }
    if seen := personal(find(recorded, "scrub_pii", "report") or {}):
        about["sensitiveData"] = seen
    if facts.statements.get("controller"):
        about["governance"] = {"owners": [{"organization": {"name": facts.statements["controller"]}}]}
    return about


def _source_ref(source: Mapping[str, Any]) -> str:
    return f"source:{source.get('name')}"


def _sources(recorded: Recorded) -> list[Component]:
    from cyclonedx.model.component import Component, ComponentType

    found = []
    for source in sources(recorded):
        measured = source["measured"].get("files") or []
        whole = measured[0]["sha256"] if len(measured) == 1 else None
        found.append(
            Component(
                name=str(source.get("name")),
                type=ComponentType.DATA,
                bom_ref=_source_ref(source),
                licenses=_licenses(source.get("license")),
                hashes=_sha256(whole),
                components=_files(
                    _source_ref(source), {one["name"]: one["sha256"] for one in measured[1:] and measured}
                ),
            )
        )
    return found


def _about_source(source: Mapping[str, Any]) -> dict[str, Any]:
    contents: dict[str, Any] = {"url": quote(str(source.get("uri") or ""), safe=":/?#[]@!$&'()*+,;=%")}
    if "rows" in source["measured"]:
        contents["properties"] = [{"name": "rowtrail:rows", "value": str(source["measured"]["rows"])}]
    classification = "public" if source.get("public") is True else "not public"
    return {
        "type": "dataset", "name": str(source.get("name")), "contents": contents, "classification": classification
    }  # fmt: skip


def _libraries(packages: Mapping[str, str]) -> list[Component]:
    """Pinned libraries by package URL (purl-spec, type pypi: lower case, `-` for `_`)."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    urls = [PackageURL("pypi", name=name, version=version) for name, version in sorted(packages.items())]
    return [
        Component(name=url.name, version=url.version, type=ComponentType.LIBRARY, purl=url, bom_ref=url.to_string())
        for url in urls
    ]


def _files(owner: str, digests: Mapping[str, str]) -> Iterator[Component]:
    from cyclonedx.model.component import Component, ComponentType

    for name, sha in sorted(digests.items()):
        yield Component(name=name, type=ComponentType.FILE, bom_ref=f"{owner}/{name}", hashes=_sha256(sha))


def _sha256(hexadecimal: str | None) -> list[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=hexadecimal)] if hexadecimal else []


def _licenses(said: str | None) -> Iterable[Any]:
    """As an SPDX id or expression where it is one, else by its name."""
    from cyclonedx.contrib.license.factories import LicenseFactory

    return [LicenseFactory().make_from_string(said)] if said else []


def _properties(values: Mapping[str, str]) -> list[Any]:
    from cyclonedx.model import Property

    return [Property(name=f"rowtrail:{name}", value=value) for name, value in values.items()]
