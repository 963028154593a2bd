"""The warehouse as dbt builds it, in two passes: what is true, then what follows from it and the scores."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

from orchestration.dbt import dbt_project, manifest_path
from orchestration.publishing import built_decisions_sha256, input_digest, new_publication_id, record_build
from orchestration.resources import Platform
from orchestration.warehouse import SETTINGS_TABLES


class Translator(DagsterDbtTranslator):
    """Name assets by their layer: `marts/fct_shipments`, `raw/network__shipment`."""

    def get_asset_key(self, dbt_resource_props: dict[str, Any]) -> dg.AssetKey:  # type: ignore[override]
        """Return schema and name."""
        if dbt_resource_props["resource_type"] == "source":
            table = dbt_resource_props["identifier"]
            own = "tenant_settings" if table in SETTINGS_TABLES else table
            return dg.AssetKey([dbt_resource_props["schema"], own])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: dict[str, Any]) -> str:  # type: ignore[override]
        """Group by layer."""
        return str(dbt_resource_props["schema"])


TRANSLATOR = Translator(
    settings=DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_duplicate_source_asset_keys=True)
)
# Unit tests judge the SQL, not the data: `make test` runs them, a build does not.
BUILD = ["build", "--exclude-resource-type", "unit_test"]


def _build(context: dg.AssetExecutionContext, dbt: DbtCliResource, platform: Platform) -> Iterator[Any]:
    with platform.warehouse.lock():
        invocation = dbt.cli(BUILD, context=context)
        yield from invocation.stream()
    result = invocation.get_artifact("run_results.json")
    context.instance.add_run_tags(
        context.run_id, {f"dbt/{context.op.name}": result["metadata"]["invocation_id"]}
    )


@dbt_assets(
    manifest=manifest_path(),
    project=dbt_project(),
    exclude="tag:decide resource_type:unit_test",
    name="conformed",
    dagster_dbt_translator=TRANSLATOR,
)
def conformed(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, platform: dg.ResourceParam[Platform]
) -> Iterator[Any]:
    """What is true: staging, identity, intermediate, marts, features."""
    yield from _build(context, dbt, platform)
    decided = built_decisions_sha256(platform)
    record_build(
        platform.engine,
        publication_id=new_publication_id(platform.clock()),
        dagster_run_id=context.run_id,
        dbt_invocation_id=context.instance.get_run_by_id(context.run_id).tags.get("dbt/conformed"),
        input_sha256=input_digest(platform, decided),
        decisions_sha256=decided,
        now=platform.clock(),
    )


@dbt_assets(
    manifest=manifest_path(),
    project=dbt_project(),
    select="tag:decide",
    exclude="resource_type:unit_test",
    name="decided",
    dagster_dbt_translator=TRANSLATOR,
)
def decided(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, platform: dg.ResourceParam[Platform]
) -> Iterator[Any]:
    """What follows: exceptions, with the money at stake."""
    yield from _build(context, dbt, platform)
