import { ConfigError, messageOf, UsageError } from "../../common/core/errors.ts";
import { type CredentialPlan, defaultPlan } from "../snmp/credential.ts";
import type { Host } from "./host.ts";
import type { ScanOptions } from "./scan_options.ts";

/**
 * The plan from --credentials or --community. Throws `UsageError` for both at once and `ConfigError` for a bad file.
 */
export async function credentialPlan(
  options: Pick<ScanOptions, "community" | "credentials">,
  host: Host,
): Promise<CredentialPlan> {
  if (options.credentials === undefined) return defaultPlan([...new Set(options.community ?? ["public"])]);
  if (options.community !== undefined) {
    throw new UsageError(
      "Cannot use --community together with --credentials as the file defines the credentials and their order",
      "add the community to the file",
    );
  }
  const file = options.credentials;
  let text: string;
  try {
    text = await host.readTextFile(file);
  } catch (error) {
    throw new ConfigError(
      `Cannot read the credentials file "${file}": ${messageOf(error)}`,
      "check the path and its permissions",
      {
        cause: error,
      },
    );
  }
  // The YAML parser is loaded only if there is a file, so that a plain scan starts at once.
  const { parseCredentials } = await import("../config/parse_credentials.ts");
  return await parseCredentials(text, { file, env: host.env, readTextFile: host.readTextFile });
}
