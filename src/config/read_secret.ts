/** Reads secrets: given as text, or in the environment, a file or systemd's credentials. */
import { messageOf } from "../../common/core/errors.ts";
import type { FileReader } from "./file_texts.ts";
import { Secret } from "../../common/core/secret.ts";
import { isYamlText, readYamlMap, readYamlText, yamlError, type YamlValue } from "./yaml_reader.ts";

export interface SecretSources {
  env: (name: string) => string | undefined;
  readFile: FileReader;
}

const kinds = ["env", "file", "credential"] as const;

/** Reads `text`, `{ env: NAME }`, `{ file: PATH }` or `{ credential: NAME }`; throws a mistake that shows no secret. */
export function readSecret(value: YamlValue, what: string, sources: SecretSources): Secret {
  if (isYamlText(value)) return new Secret(readYamlText(value, what));
  const from = readYamlMap(value, { what, known: kinds, keysMayBeSecret: true });
  const [kind, ...others] = kinds.filter((key) => from[key] !== undefined);
  if (kind === undefined || others.length > 0) {
    throw yamlError(
      value,
      `${what} needs one of "env", "file" and "credential"`,
      "such as { env: NAME }, or the text in quotes",
    );
  }
  const secret = secretOf(from[kind]!, { kind, what }, sources);
  if (secret === "") throw yamlError(value, `${what} is empty at its source`);
  if (/[\r\n]/.test(secret)) throw yamlError(value, `${what} has more than one line at its source`);
  return new Secret(secret);
}

function secretOf(
  value: YamlValue,
  { kind, what }: { kind: (typeof kinds)[number]; what: string },
  sources: SecretSources,
): string {
  const name = readYamlText(value, kind);
  if (kind === "env") {
    const secret = sources.env(name);
    if (secret !== undefined) return secret;
    if (!/^(OPENDCA|SNMP)_/.test(name)) {
      const reason = `${what} may not be read from this environment variable: current value is "${name}"`;
      throw yamlError(value, reason, "use a name that begins with SNMP_ or OPENDCA_: others are not readable");
    }
    const reason = `${what} is not in the environment: current value is "${name}"`;
    throw yamlError(value, reason, `set ${name} before the start`);
  }
  if (kind === "file") return textOf(value, { path: name, what, hint: "check the path and its permissions" }, sources);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw yamlError(value, `a credential is a name without slashes: current value is "${name}"`);
  }
  const hint = `add LoadCredential=${name}:/path/of/the/secret to the systemd unit`;
  // Set by systemd for a unit that has credentials, see systemd.exec(5).
  const directory = sources.env("CREDENTIALS_DIRECTORY");
  if (directory === undefined) {
    // A command in a shell has none of those that the service has; docs/install.md says how it gets them.
    const inShell =
      `${hint}; in a shell run it by systemd-run -P -p User=opendca -p LoadCredential=…, as docs/install.md has it`;
    throw yamlError(value, `${what} is missing, as systemd gives this process no credentials`, inShell);
  }
  return textOf(value, { path: `${directory}/${name}`, what, hint }, sources);
}

function textOf(
  value: YamlValue,
  { path, what, hint }: { path: string; what: string; hint: string },
  sources: SecretSources,
): string {
  try {
    // Editors and `echo` end a file with a newline that is not part of the secret.
    return sources.readFile(path).replace(/\r?\n$/, "");
  } catch (cause) {
    const reason = `${what} cannot be read from its file (${messageOf(cause)}): current value is "${path}"`;
    throw yamlError(value, reason, hint, { cause });
  }
}
