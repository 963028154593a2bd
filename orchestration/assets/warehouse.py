"""The warehouse as dbt builds it, in two passes: what is true, then what follows from it and the scores."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.asset_utils import (
    get_manifest_and_translator_from_dbt_assets,
    get_subset_selection_for_context,
)
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration import touched
from orchestration.dbt import dbt_project, manifest_path
from orchestration.instance import SHORT
from orchestration.publication import PUBLISHED_MARTS
from orchestration.publishing import (
    built_decisions_sha256,
    input_digest,
    new_publication_id,
    record_build,
    settings_digest,
)
from orchestration.resources import Platform
from orchestration.warehouse import BUILT_TABLES, SETTINGS_TABLES


def asset_of(schema: str, table: str) -> dg.AssetKey:
    """Return the asset that a table is part of."""
    return dg.AssetKey([schema, "tenant_settings" if table in SETTINGS_TABLES | BUILT_TABLES else table])


class Translator(DagsterDbtTranslator):
    """Name assets by their layer: `marts/fct_shipments`, `raw/network__shipment`."""

    def get_asset_key(self, dbt_resource_props: dict[str, Any]) -> dg.AssetKey:  # type: ignore[override]
        """Return schema and name."""
        is_source = dbt_resource_props["resource_type"] == "source"
        name = dbt_resource_props["identifier" if is_source else "name"]
        return asset_of(dbt_resource_props["schema"], name)

    def get_group_name(self, dbt_resource_props: dict[str, Any]) -> str:  # type: ignore[override]
        """Group by layer."""
        return str(dbt_resource_props["schema"])


TRANSLATOR = Translator(
    settings=DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_duplicate_source_asset_keys=True)
)
# Unit tests judge the SQL, not the data: `make test` runs them, a build does not.
UNTESTED = ["--exclude-resource-type", "unit_test"]
FOLLOWS = "tag:decide"


def _build(context: dg.AssetExecutionContext, platform: Platform, select: str, exclude: str) -> Iterator[Any]:
    """Build all that the run asks for of these models, every model and test an event of it."""
    manifest, translator, _project = get_manifest_and_translator_from_dbt_assets([context.assets_def])
    chosen, indirect = get_subset_selection_for_context(
        context, manifest, select, None, None, translator, os.environ.get("DBT_INDIRECT_SELECTION")
    )
    command = ["build", *chosen, "--exclude", *exclude.split(), *UNTESTED, "--full-refresh"]
    command += ["--indirect-selection", indirect] if indirect else []
    invocations: dict[str, str] = {}
    with platform.warehouse.lock():
        for raw in platform.dbt.stream(command, context.op.name):
            invocations[f"dbt/{context.op.name}"] = raw["info"]["invocation_id"]
            told = DbtCoreCliEventMessage(raw, event_history_metadata={})
            for event in told.to_default_asset_events(manifest, translator, context):
                yield with_columns(
                    event, manifest["nodes"][raw["data"]["node_info"]["unique_id"]], context, platform
                )
        platform.warehouse.check()
    context.instance.add_run_tags(context.run_id, invocations)


def is_short(context: dg.AssetExecutionContext) -> bool:
    """Say whether this run is one of what follows from what arrived."""
    return SHORT.items() <= context.run.tags.items()


def _build_touched(
    context: dg.AssetExecutionContext, platform: Platform, own: AbstractSet[dg.AssetKey]
) -> Iterator[dg.MaterializeResult]:
    """Build what was touched of this step's own models, all of it or nothing, and test that.

    Which those are, the models themselves find out. An event each are those that others than models read, where they
    are others than they were, and what steps after this one wait for; the rest is a line of the run's log.
    """
    compiled, built, passed, others = platform.dbt.touched, dict[str, int](), Counter[str](), set[str]()
    keys = {step.unique_id: asset_of(step.schema, step.name) for step in compiled.steps if not step.model}
    models = {name: key for name, key in keys.items() if key in own}
    with platform.warehouse.transaction() as connection:
        for step, count, is_other in touched.build(connection, compiled.steps, models):
            if step.model:
                passed[step.model] += 1
            else:
                built[step.unique_id] = count
            if is_other:
                others.add(step.unique_id)
    context.log.info(
        "rows built: %s", {models[name].to_user_string(): count for name, count in built.items()}
    )
    context.instance.add_run_tags(context.run_id, {f"dbt/{context.op.name}": compiled.invocation_id})
    for name, key in models.items():
        is_told = name in others and key.path[0] in ("marts", "features")
        if key in context.selected_asset_keys and (is_told or _is_awaited(context, key)):
            told: dict[str, Any] = {
                "unique_id": name,
                "rows_built": built.get(name, 0),
                "tests_passed": passed[name],
            }
            yield dg.MaterializeResult(asset_key=key, metadata=told)


def _is_awaited(context: dg.AssetExecutionContext, key: dg.AssetKey) -> bool:
    """Say whether an asset of another step follows from this one."""
    return bool(context.job_def.asset_layer.asset_graph.get(key).child_keys - context.assets_def.keys)


def with_columns(
    event: Any, node: Mapping[str, Any], context: dg.AssetExecutionContext, platform: Platform
) -> Any:
    """Return what dbt did with the types of a model's columns and what each is made of; other events as they are."""
    if not isinstance(event, dg.Output) or node["resource_type"] != "model":
        return event
    compiled = platform.settings.dbt_target / context.op.name / "compiled" / node["package_name"]
    columns = platform.columns.of(
        node["schema"], node["name"], (compiled / node["original_file_path"]).read_text(), asset_of
    )
    return event.with_metadata({**event.metadata, **columns.metadata()})


@dbt_assets(
    manifest=manifest_path(),
    project=dbt_project(),
    exclude=f"{FOLLOWS} resource_type:unit_test",
    name="conformed",
    dagster_dbt_translator=TRANSLATOR,
)
def conformed(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    """What is true: staging, identity, intermediate, marts, features.

    A short run builds what was touched since everything was built, where code and settings are still the same, which
    makes what a build of everything would; every other run builds everything it was asked for, anew.
    """
    warehouse, digest = platform.warehouse, settings_digest(platform)
    with warehouse.lock():
        is_touched_alone = is_short(context) and warehouse.is_built_from(digest)
        if is_touched_alone:
            yield from _build_touched(context, platform, conformed.keys)
        else:
            warehouse.begin_build()  # a build that is broken off is made good by one of everything
            yield from _build(context, platform, "fqn:*", f"{FOLLOWS} resource_type:unit_test")
            if context.is_subset and not is_short(context):
                return  # some models, made by hand: no publication is built from that
        warehouse.end_build(digest, is_short=is_touched_alone)
        own = [mart for mart in PUBLISHED_MARTS if asset_of(*mart) in conformed.keys]
        platform.publisher.write_ahead(own)
    decided, publication_id = built_decisions_sha256(platform), new_publication_id(platform.clock())
    record_build(
        platform.engine,
        publication_id=publication_id,
        dagster_run_id=context.run_id,
        dbt_invocation_id=context.instance.get_run_by_id(context.run_id).tags.get("dbt/conformed"),
        input_sha256=input_digest(platform, decided),
        decisions_sha256=decided,
        now=platform.clock(),
    )
    context.instance.add_run_tags(context.run_id, {"tidewaiter/publication": publication_id})


@dbt_assets(
    manifest=manifest_path(),
    project=dbt_project(),
    select=FOLLOWS,
    exclude="resource_type:unit_test",
    name="decided",
    dagster_dbt_translator=TRANSLATOR,
)
def decided(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    """What follows: exceptions, with the money at stake.

    Of what was touched alone where the step before it was built so: every run that is broken off between the two is
    made good by one of the whole path, for its publication is missing.
    """
    if is_short(context) and platform.warehouse.is_built_short():
        yield from _build_touched(context, platform, decided.keys)
    else:
        yield from _build(context, platform, select=FOLLOWS, exclude="resource_type:unit_test")
