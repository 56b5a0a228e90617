/**
 * The credentials file, as YAML:
 *
 *     default: [{ community: public }]
 *     ranges:
 *       - range: 10.1.0.0/16            # or a list; blocks, ranges and addresses
 *         credentials:
 *           - community: { env: NAME }  # or { file: /path }, or the text itself
 *             versions: [2c, 1]
 *           - user: monitor
 *             level: authPriv           # may be left out
 *             auth: { protocol: sha256, key: { env: NAME } }
 *             priv: { protocol: aes128, key: { file: /path } }
 *             context: ""
 *
 * The first range in the order of the file that contains an address decides; `default` is for all other addresses.
 */
import { withFileTexts } from "./file_texts.ts";
import type { IpRange } from "../../common/core/ip_range.ts";
import { maybeNearestWord } from "../../common/core/nearest_word.ts";
import { readSecret, type SecretSources } from "./read_secret.ts";
import type { Secret } from "../../common/core/secret.ts";
import {
  isYamlList,
  lineOf,
  type MistakeListener,
  parseYaml,
  readYamlList,
  readYamlMap,
  readYamlText,
  tryReadYaml,
  yamlError,
  type YamlValue,
} from "./yaml_reader.ts";
import type { AuthProtocolName, PrivProtocolName } from "../snmp/usm_protocols.ts";
import { parseTargetSpec, TargetSyntaxError } from "../targets/target_spec.ts";
import type { Credential, CredentialPlan, SecurityLevel } from "../snmp/credential.ts";
import { authNames, maybeAuthProtocol, maybePrivProtocols, privNames } from "../snmp/protocol_names.ts";

export interface CredentialFileOptions {
  /** Name of the file in messages. */
  file: string;
  env: (name: string) => string | undefined;
  readTextFile: (path: string) => Promise<string>;
}

/** RFC 3414 section 11.2. */
const minKeyLength = 8;

const levels: readonly SecurityLevel[] = ["noAuthNoPriv", "authNoPriv", "authPriv"];

/** Reads the whole file; throws a `ConfigError` with the place of the mistake and without secrets. */
export async function parseCredentials(text: string, options: CredentialFileOptions): Promise<CredentialPlan> {
  const root = parseYaml(text, options.file);
  return await withFileTexts(
    options.readTextFile,
    (readFile) => readCredentialPlan(root, { env: options.env, readFile, what: "the file" }),
  );
}

export interface CredentialReadOptions extends SecretSources {
  /** Name of the mapping in messages. */
  what: string;
  /** Receives the mistake of each credential, so that the next ones are still read. */
  onMistake?: MistakeListener;
}

/** Reads credentials inside a file: `default` and `ranges`, or only a list, which is for all addresses. */
export function readCredentialPlan(value: YamlValue, options: CredentialReadOptions): CredentialPlan {
  if (isYamlList(value)) {
    return { rules: [{ ranges: null, credentials: readCredentials(value, options.what, options) }] };
  }
  const { what } = options;
  const keys = readYamlMap(value, { ...options, known: ["default", "ranges"] });
  const rules: CredentialPlan["rules"] = [];
  for (const item of keys.ranges === undefined ? [] : readYamlList(keys.ranges, "ranges")) {
    const rule = reading(options, () => readRule(item, options));
    if (rule !== undefined) rules.push(rule);
  }
  if (keys.default !== undefined) {
    rules.push({ ranges: null, credentials: readCredentials(keys.default, "default", options) });
  }
  if (keys.ranges === undefined && keys.default === undefined) {
    const subject = what === "the file" ? "it" : what;
    throw yamlError(value, `${subject} has no credentials`, "such as default: [{ community: public }]");
  }
  return { rules };
}

function reading<T>({ onMistake }: CredentialReadOptions, read: () => T): T | undefined {
  return onMistake === undefined ? read() : tryReadYaml(onMistake, read);
}

function readRule(item: YamlValue, options: CredentialReadOptions): CredentialPlan["rules"][number] {
  const rule = readYamlMap(item, { ...options, what: "an item of ranges", known: ["range", "credentials"] });
  const range = required(rule.range, item, "range", "such as range: 10.1.0.0/16");
  const list = required(rule.credentials, item, "credentials", "such as credentials: [{ community: public }]");
  return { ranges: readRanges(range), credentials: readCredentials(list, "credentials", options) };
}

function readRanges(value: YamlValue): IpRange[] {
  return (isYamlList(value) ? readYamlList(value, "range") : [value]).map(readRange);
}

function readRange(value: YamlValue): IpRange {
  const text = readYamlText(value, "range");
  try {
    const spec = parseTargetSpec(text);
    if (spec.kind === "name") throw new TargetSyntaxError("a range cannot be a host name", "give its address");
    if (spec.port !== undefined) throw new TargetSyntaxError("a range has no port", "leave the port out");
    return spec.range;
  } catch (error) {
    if (!(error instanceof TargetSyntaxError)) throw error;
    throw yamlError(value, `${error.reason}: current value is "${text}"`, error.hint);
  }
}

function readCredentials(value: YamlValue, what: string, options: CredentialReadOptions): Credential[] {
  return readYamlList(value, what).flatMap((item) => reading(options, () => readCredential(item, options)) ?? []);
}

const communityKeys = ["name", "community", "versions"] as const;
const usmKeys = ["name", "user", "level", "auth", "priv", "context"] as const;

function readCredential(value: YamlValue, options: CredentialReadOptions): Credential[] {
  const known = [...new Set([...communityKeys, ...usmKeys])];
  const keys = readYamlMap(value, { what: "a credential", known, keysMayBeSecret: true });
  const label = keys.name && readYamlText(keys.name, "name");
  // Only the file name, without the folder: it is shown in tables and sent to the platform.
  const place = `${value.file.name.split(/[\\/]/).at(-1)}:${lineOf(value)}`;
  if (keys.community !== undefined) {
    refuseOthers(keys, communityKeys, "community");
    const community = readSecret(keys.community, "the community", options);
    return [{
      kind: "community",
      name: label ?? `community of ${place}`,
      versions: readVersions(keys.versions),
      community,
    }];
  }
  const user = readYamlText(required(keys.user, value, "community or user", "each credential has one of them"), "user");
  refuseOthers(keys, usmKeys, "user");
  const auth = keys.auth ? readAuth(keys.auth, options) : null;
  const priv = keys.priv ? readPriv(keys.priv, auth?.protocol ?? null, options) : null;
  const level = readLevel(keys.level, { hasAuth: auth !== null, hasPriv: priv !== null });
  const context = keys.context ? readYamlText(keys.context, "context", true) : "";
  const name = label ?? `user ${user} of ${place}`;
  if (priv === null) return [{ kind: "usm", name, user, level, auth, priv, context }];
  return priv.protocols.map((protocol): Credential => ({
    kind: "usm",
    name: priv.protocols.length === 1 ? name : `${name} with ${protocol}`,
    user,
    level,
    auth,
    priv: { protocol, key: priv.key },
    context,
  }));
}

function refuseOthers(
  keys: Partial<Record<string, YamlValue>>,
  allowed: readonly string[],
  owner: "community" | "user",
): void {
  for (const [key, value] of Object.entries(keys)) {
    if (value === undefined || allowed.includes(key)) continue;
    throw yamlError(value, `"${key}" is not valid with "${owner}"`, `with ${owner} go ${allowed.join(", ")}`);
  }
}

function readVersions(value: YamlValue | undefined): ("1" | "2c")[] {
  if (value === undefined) return ["2c", "1"];
  const items = isYamlList(value) ? readYamlList(value, "versions") : [value];
  return [...new Set(items.map(readVersion))];
}

function readVersion(value: YamlValue): "1" | "2c" {
  const text = readYamlText(value, "a version");
  if (text === "1" || text === "2c") return text;
  const hint = text === "3" ? "version 3 has users: write user instead of community" : "the versions are 1 and 2c";
  throw yamlError(value, `the version is not known: current value is "${text}"`, hint);
}

function readAuth(
  value: YamlValue,
  options: CredentialReadOptions,
): { protocol: AuthProtocolName; key: Secret } {
  const keys = readYamlMap(value, { what: "auth", known: ["protocol", "key"], keysMayBeSecret: true });
  const at = required(keys.protocol, value, "protocol", `one of ${authNames.join(", ")}`);
  const text = readYamlText(at, "the auth protocol");
  const protocol = maybeAuthProtocol(text);
  if (protocol === undefined) throw unknownProtocol(at, "auth", { text, names: authNames });
  return { protocol, key: readKey(keys.key, value, options) };
}

function readPriv(
  value: YamlValue,
  auth: AuthProtocolName | null,
  options: CredentialReadOptions,
): { protocols: PrivProtocolName[]; key: Secret } {
  const keys = readYamlMap(value, { what: "priv", known: ["protocol", "key"], keysMayBeSecret: true });
  const at = required(keys.protocol, value, "protocol", `one of ${privNames.join(", ")}`);
  const text = readYamlText(at, "the priv protocol");
  if (auth === null) {
    throw yamlError(value, `"priv" requires "auth"`, "USM has no privacy without authentication");
  }
  const protocols = maybePrivProtocols(text, auth);
  if (protocols === undefined) throw unknownProtocol(at, "priv", { text, names: privNames });
  return { protocols, key: readKey(keys.key, value, options) };
}

function unknownProtocol(at: YamlValue, what: string, { text, names }: { text: string; names: readonly string[] }) {
  const nearest = maybeNearestWord(text, names);
  const hint = `${nearest ? `did you mean "${nearest}"? ` : ""}the protocols are ${names.join(", ")}`;
  return yamlError(at, `the ${what} protocol is not known: current value is "${text}"`, hint);
}

function readKey(
  value: YamlValue | undefined,
  parent: YamlValue,
  options: CredentialReadOptions,
): Secret {
  const at = required(value, parent, "key", "such as key: { env: NAME }");
  const key = readSecret(at, "the key", options);
  if (key.reveal().length < minKeyLength) {
    throw yamlError(
      at,
      `the key is shorter than ${minKeyLength} characters`,
      `RFC 3414 section 11.2 requires ${minKeyLength} or more; set a longer one on the printer as well`,
    );
  }
  return key;
}

function readLevel(
  value: YamlValue | undefined,
  { hasAuth, hasPriv }: { hasAuth: boolean; hasPriv: boolean },
): SecurityLevel {
  const given: SecurityLevel = hasPriv ? "authPriv" : hasAuth ? "authNoPriv" : "noAuthNoPriv";
  if (value === undefined) return given;
  const text = readYamlText(value, "level");
  const level = levels.find((known) => known === text);
  if (level === undefined) {
    const nearest = levels.find((known) => known.toLowerCase() === text.toLowerCase()) ??
      maybeNearestWord(text, levels);
    const hint = nearest ? `did you mean "${nearest}"?` : `the levels are ${levels.join(", ")}`;
    throw yamlError(value, `the level is not known: current value is "${text}"`, hint);
  }
  if (level === given) return level;
  const needed = levels.indexOf(level) > levels.indexOf(given);
  const key = level === "noAuthNoPriv" ? "auth" : "priv";
  throw yamlError(
    value,
    needed ? `level ${level} needs "${hasAuth ? "priv" : "auth"}"` : `level ${level} does not use "${key}"`,
    needed ? `add it, or write level: ${given}` : `write level: ${given}, or leave "${key}" out`,
  );
}

function required(value: YamlValue | undefined, parent: YamlValue, key: string, hint: string): YamlValue {
  if (value === undefined) throw yamlError(parent, `${key} is missing`, hint);
  return value;
}
