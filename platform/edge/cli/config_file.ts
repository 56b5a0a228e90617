import { PlatformConfig } from "../../../proto/gen/opendca/v1/config.ts";
import { ConfigError, messageOf } from "../../../common/core/errors.ts";
import { configMistake, mostConfigBytes } from "./config_limits.ts";
import type { PlatformHost } from "./host.ts";

/** Reads a PlatformConfig from JSON; a key that it does not have is a mistake. Throws ConfigError. */
export async function readConfigFile(host: PlatformHost, path: string): Promise<PlatformConfig> {
  const hint = "docs/protocol.md shows what a configuration may hold";
  let parsed: unknown;
  try {
    parsed = JSON.parse(await host.readTextFile(path));
  } catch (error) {
    throw new ConfigError(`Cannot read "${path}" as JSON: ${messageOf(error)}`, hint, { cause: error });
  }
  const config = understood(parsed);
  if (config === undefined) throw new ConfigError(`Cannot use "${path}" as a configuration: see "the whole"`, hint);
  // The generated reader drops what it does not know and turns what has the wrong type into zeros.
  const wrong = firstDifference(parsed, PlatformConfig.toJSON(config), "");
  if (wrong !== undefined) throw new ConfigError(`Cannot use "${path}" as a configuration: see "${wrong}"`, hint);
  const mistake = configMistake(config);
  if (mistake !== undefined) throw new ConfigError(`Cannot use "${path}" as a configuration: ${mistake}`, hint);
  const bytes = PlatformConfig.encode(config).finish().length;
  if (bytes > mostConfigBytes) {
    throw new ConfigError(
      `Cannot use "${path}" as a configuration: it has ${bytes} bytes, at most ${mostConfigBytes}`,
      hint,
    );
  }
  return config;
}

/* The generated reader takes members of whatever it is given, null included. */
function understood(parsed: unknown): PlatformConfig | undefined {
  try {
    return PlatformConfig.fromJSON(parsed);
  } catch {
    return undefined;
  }
}

function firstDifference(given: unknown, understood: unknown, path: string): string | undefined {
  if (Object.is(given, understood)) return undefined;
  if (typeof given !== "object" || given === null || typeof understood !== "object" || understood === null) {
    return isDefault(given) && understood === undefined ? undefined : path || "the whole";
  }
  if (Array.isArray(given) !== Array.isArray(understood)) return path || "the whole";
  for (const [key, value] of Object.entries(given)) {
    const wrong = firstDifference(
      value,
      (understood as Record<string, unknown>)[key],
      path === "" ? key : `${path}.${key}`,
    );
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/* JSON of protobuf leaves out what has its default. */
function isDefault(value: unknown): boolean {
  return value === 0 || value === "" || value === false || (Array.isArray(value) && value.length === 0);
}
