import type { AgentConfig } from "../config/agent_config.ts";
import { ConfigMistakesError } from "../config/config_mistakes.ts";
import { applyPlatformConfig } from "../config/platform_config.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { storedPlatformConfigName, tryParseStoredPlatformConfig } from "../config/stored_platform_config.ts";
import { ConfigError } from "../../common/core/errors.ts";
import { hasCode } from "../../common/core/system_error.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { type DoctorStep, judgedStep, skippedStep } from "./doctor_step.ts";

export interface ConfigurationCheck {
  /** With the platform's part; null where the file is not good. */
  config: AgentConfig | null;
  step: DoctorStep;
  /** Nobody named a configuration, there is none, and a printer is to be asked: then only that is done. */
  printerOnly: boolean;
}

/** Every mistake of the file is a fault of its own. */
export async function checkConfiguration(
  { configFile, configIsNamed, printer }: { configFile: string; configIsNamed: boolean; printer: object | null },
  parts: { env: (name: string) => string | undefined; readTextFile: (path: string) => Promise<string> },
): Promise<ConfigurationCheck> {
  let config: AgentConfig;
  try {
    config = await readAgentConfig(configFile, parts);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (printer !== null && !configIsNamed && isOutOfReach(error.cause)) {
      const step = skippedStep(
        "configuration",
        configFile,
        "not readable for this user, so only the printer is tested",
      );
      return { config: null, step, printerOnly: true };
    }
    const mistakes = error instanceof ConfigMistakesError ? error.mistakes : [error];
    const denied = hasCode(error.cause, "EACCES", "EPERM");
    const faults = mistakes.map(({ message, hint = "" }) => ({
      name: denied ? "configuration-denied" : "configuration",
      severity: "failed" as const,
      message,
      advice: denied ? "run as the agent's user, or as root: sudo opendca doctor" : hint,
      exitCode: denied ? 77 as const : 78 as const,
    }));
    const detail = mistakes.length === 1 ? "1 mistake" : `${mistakes.length} mistakes`;
    return { config: null, step: judgedStep("configuration", configFile, { detail, faults }), printerOnly: false };
  }
  const step = judgedStep("configuration", configFile, { detail: summaryOf(config), faults: [] });
  return { config: await withPlatform(config, parts.readTextFile), step, printerOnly: false };
}

function isOutOfReach(cause: unknown): boolean {
  return hasCode(cause, "ENOENT", "EACCES", "EPERM");
}

function summaryOf({ sites, platform, proxy }: AgentConfig): string {
  const where = platform.endpoints.map(({ host, port }) => formatEndpoint(host, port)).join(", ");
  const through = proxy === null ? "" : ` through the proxy ${formatEndpoint(proxy.host, proxy.port)}`;
  return `valid, ${sites.length} ${sites.length === 1 ? "site" : "sites"}, reports to ${where}${through}`;
}

async function withPlatform(
  config: AgentConfig,
  readTextFile: (path: string) => Promise<string>,
): Promise<AgentConfig> {
  let text: string;
  try {
    text = await readTextFile(`${config.stateDirectory}/${storedPlatformConfigName}`);
  } catch {
    return config; // Nothing received yet, or not permitted to look, which a later step tells.
  }
  const stored = tryParseStoredPlatformConfig(text);
  return stored === undefined ? config : applyPlatformConfig(config, stored.document).config;
}
