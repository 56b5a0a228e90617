import type { AgentConfig } from "../config/agent_config.ts";
import { applyPlatformConfig } from "../config/platform_config.ts";
import { configPath } from "../config/config_path.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { storedPlatformConfigName, tryParseStoredPlatformConfig } from "../config/stored_platform_config.ts";
import type { Host } from "./host.ts";

export interface EffectiveConfig {
  config: AgentConfig;
  /** What the policy keeps the platform's part from doing. */
  refusals: string[];
}

/** The configuration that the agent has now: the file, with the platform's part over it. Throws `ConfigError`. */
export async function effectiveConfig(option: string | undefined, host: Host): Promise<EffectiveConfig> {
  return await withPlatformPart(await readAgentConfig(configPath(option, host.env), host), host);
}

/** A part that is not there, or may not be looked at, is none: then this is the machine's own configuration. */
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
