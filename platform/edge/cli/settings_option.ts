/** Values of `--setting NAME=VALUE`. */
import { ConfigError, messageOf, UsageError } from "../../../common/core/errors.ts";
import type { PlatformHost } from "./host.ts";

/** NAME=@FILE reads a file, NAME=@- standard input. Throws UsageError and ConfigError. */
export async function settingsFrom(host: PlatformHost, given: readonly string[]): Promise<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const text of given) {
    const [, name, value] = /^([a-z-]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      // The value may be a secret.
      throw new UsageError(`Cannot use --setting as NAME=VALUE: its name is "${text.split("=")[0]}"`);
    }
    settings[name] = value.startsWith("@") ? await fileText(host, value.slice(1)) : value;
  }
  return settings;
}

async function fileText(host: PlatformHost, path: string): Promise<string> {
  try {
    return await host.readTextFile(path);
  } catch (error) {
    throw new ConfigError(
      `Cannot read "${path}": ${messageOf(error)}`,
      "check the path, and that this user may read it",
      {
        cause: error,
      },
    );
  }
}
