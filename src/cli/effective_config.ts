import type { AgentConfig } from "../config/agent_config.ts";
import { applyPlatformConfig } from "../config/platform_config.ts";
import { configPath } from "../config/config_path.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { storedPlatformConfigName, tryParseStoredPlatformConfig } from "../config/stored_platform_config.ts";
import type { Host } from "./host.ts";

export interface EffectiveConfig {
  config: AgentConfig;
  /** Parts of the platform's configuration that the policy refuses. */
  refusals: string[];
}

/** The agent's present configuration: the file, merged with the platform's part. Throws `ConfigError`. */
export async function effectiveConfig(option: string | undefined, host: Host): Promise<EffectiveConfig> {
  return await withPlatformPart(await readAgentConfig(configPath(option, host.env), host), host);
}

/** If the platform's part is absent or may not be read, this is the machine's own configuration. */
export async function withPlatformPart(config: AgentConfig, host: Host): Promise<EffectiveConfig> {
  let text: string;
  try {
    text = await host.readTextFile(`${config.stateDirectory}/${storedPlatformConfigName}`);
  } catch {
    return { config, refusals: [] };
  }
  const stored = tryParseStoredPlatformConfig(text);
  return stored === undefined ? { config, refusals: [] } : applyPlatformConfig(config, stored.document);
}
