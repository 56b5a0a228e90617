import type { PlatformConfig } from "../../../proto/gen/opendca/v1/config.ts";
import { ConfigError, messageOf } from "../../../common/core/errors.ts";
import { platformConfigOf } from "../../agents/platform_config.ts";
import type { PlatformHost } from "./host.ts";

/** Reads a PlatformConfig from JSON; an unknown key is a mistake. Throws ConfigError. */
export async function readConfigFile(host: PlatformHost, path: string): Promise<PlatformConfig> {
  const hint = "docs/protocol.md shows what a configuration may hold";
  let parsed: unknown;
  try {
    parsed = JSON.parse(await host.readTextFile(path));
  } catch (error) {
    throw new ConfigError(`Cannot read "${path}" as JSON: ${messageOf(error)}`, hint, { cause: error });
  }
  const read = platformConfigOf(parsed);
  if ("config" in read) return read.config;
  throw new ConfigError(`Cannot use "${path}" as a configuration: ${read.mistake}`, hint);
}
