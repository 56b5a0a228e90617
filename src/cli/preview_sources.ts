/** What a preview is made from beside the scan: the configuration, the agent's history, and the site of a printer. */
import type { AgentConfig } from "../config/agent_config.ts";
import { configPath } from "../config/read_config.ts";
import { rangesOfSite } from "../config/site_targets.ts";
import { ConfigError, messageOf, UsageError } from "../../common/core/errors.ts";
import { hasCode, isDenied } from "../../common/core/system_error.ts";
import { tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { rangeContains } from "../../common/core/ip_range.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import { copyInventory } from "../store/copy_inventory.ts";
import type { Inventory } from "../store/inventory.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { effectiveConfig } from "./effective_config.ts";
import type { Host } from "./host.ts";
import type { PreviewCommand } from "./preview_upload.ts";

/** Undefined where nobody named one, none is there, and there are targets to scan. */
export async function maybePreviewConfig(
  { targets, options }: PreviewCommand,
  host: Host,
): Promise<AgentConfig | undefined> {
  try {
    return (await effectiveConfig(options.config, host)).config;
  } catch (error) {
    const isNamed = options.config !== undefined || (host.env("OPENDCA_CONFIG") ?? "") !== "";
    if (!(error instanceof ConfigError) || !hasCode(error.cause, "ENOENT") || isNamed) throw error;
    if (targets.length > 0) return undefined;
    throw new UsageError(
      `Cannot preview an upload as there is neither a target nor a configuration: looked for "${
        configPath(undefined, host.env)
      }"`,
      "opendca scan --preview-upload 192.168.1.0/24, or name a configuration with --config FILE",
      { cause: error },
    );
  }
}

/** The agent's inventory to merge with; undefined, and a note where there is more to say, when there is none. */
export function maybeHistory(
  config: AgentConfig | undefined,
  { host, notes }: { host: Host; notes: string[] },
): Inventory | undefined {
  if (config === undefined) return undefined;
  const path = `${config.stateDirectory}/inventory.db`;
  const { spoolFiles } = host.agentMachine();
  try {
    return spoolFiles.exists(path) ? copyInventory(path) : undefined;
  } catch (error) {
    if (!isDenied(error) && !(error instanceof StorageError) && !(error instanceof DamagedDatabaseError)) throw error;
    notes.push(`The agent's history cannot be read, so it is not merged: ${messageOf(error)}`);
    return undefined;
  }
}

/** Of the configuration, the site that the agent would find the printer in. */
export function maybeSiteOf({ sites }: AgentConfig, { address, port, hostname }: Reading): string | undefined {
  const ip = tryParseIp(withoutZone(address))!;
  const site = sites.find((site) =>
    rangesOfSite(site).some((range) => range.port === port && rangeContains(range, ip)) ||
    site.hosts.map(parseTargetSpec).some((spec) =>
      spec.kind === "name" && spec.name === hostname && (spec.port ?? site.port) === port
    )
  );
  return site?.name;
}
