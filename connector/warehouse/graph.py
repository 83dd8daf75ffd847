"""What the models below the pushes are made from, as dbt's manifest says it: for lineage."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from connector.warehouse.relations import Relation

PACKAGE = "leadloop"


class Model(NamedTuple):
    """One model, and the tables and views that it reads."""

    name: str
    relation: Relation
    made_from: tuple[Relation, ...]
    desired: Relation | None = None
    """Of a push: the relation with the rows that the CRM should show, where that is certain."""


def below_pushes(manifest: Any) -> tuple[Model, ...]:
    """The pushes and every model that one is made from; what is read through an ephemeral model counts as read."""
    pushes = [
        name
        for name, node in manifest.nodes.items()
        if str(node.resource_type) == "model" and node.config.meta.get("leadloop_push")
    ]
    found: dict[str, Model] = {}
    waiting = list(pushes)
    while waiting:
        name = waiting.pop()
        node = manifest.nodes.get(name)
        if node is None or name in found or str(node.resource_type) != "model":
            continue
        waiting.extend(node.depends_on_nodes)
        above = list(_relations(manifest, node.depends_on_nodes))
        wanted = [relation for relation, is_ours in above if not is_ours]
        found[name] = Model(
            node.name,
            Relation(node.schema, node.alias),
            tuple(sorted({relation for relation, _ in above})),
            wanted[0] if name in pushes and len(wanted) == 1 else None,
        )
    return tuple(found[name] for name in sorted(found) if not _is_ephemeral(manifest.nodes[name]))


def remembered(content: Iterable[Iterable[Any]]) -> tuple[Model, ...]:
    """The models as they are after a stay in a JSON file."""
    return tuple(
        Model(
            name,
            Relation(*relation),
            tuple(Relation(*each) for each in made_from),
            desired and Relation(*desired),
        )
        for name, relation, made_from, desired in content
    )


def _relations(manifest: Any, names: Iterable[str]) -> Iterable[tuple[Relation, bool]]:
    """The relations of nodes, and whether leadloop's package is what makes each."""
    for name in names:
        if (source := manifest.sources.get(name)) is not None:
            yield Relation(source.schema, source.identifier), source.package_name == PACKAGE
        elif (node := manifest.nodes.get(name)) is not None:
            if _is_ephemeral(node):
                yield from _relations(manifest, node.depends_on_nodes)
            else:
                is_ours = node.package_name == PACKAGE and not is_example(node)
                yield Relation(node.schema, node.alias), is_ours


def is_example(node: Any) -> bool:
    """Whether a model of leadloop's package is one of those that show how people write theirs."""
    return bool(node.original_file_path.replace("\\", "/").startswith("models/examples/"))


def _is_ephemeral(node: Any) -> bool:
    config: Mapping[str, Any] = node.config
    return str(config.get("materialized")) == "ephemeral"
