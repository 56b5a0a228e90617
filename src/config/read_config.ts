/** Parses `agent.yaml` to a frozen configuration, or to the list of all its mistakes. */
import { ConfigError, messageOf } from "../../common/core/errors.ts";
import { type FileReader, withFileTexts } from "./file_texts.ts";
import { parseYaml, yamlError, type YamlValue } from "./yaml_reader.ts";
import {
  type AgentConfig,
  type PolicyConfig,
  type PolicyFeature,
  policyFeatures,
  type UpdatePolicy,
  type WebAccessConfig,
} from "./agent_config.ts";
import { throwMistakes } from "./config_mistakes.ts";
import { readLimits, readLog, readPoll, readStateDirectory } from "./read_limits.ts";
import { readPlatform, readProxy } from "./read_platform.ts";
import { defaultSchedule, readAllowedHours, readSchedule } from "./read_schedule.ts";
import { defaultSnmpPort, readCredentialKey, type ReadSite, readSites } from "./read_sites.ts";
import { type ConfigReader, openSection } from "./section.ts";
import { type IpRange, subtractRanges } from "../../common/core/ip_range.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { maskableFields } from "../../common/reading/maskable_fields.ts";
import {
  booleanField,
  byteSizeField,
  choiceField,
  durationField,
  listField,
  optionalField,
  portField,
  textField,
} from "./field.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { formatRange, privateRanges } from "./policy.ts";
import { rangesIn, rangesOfSite } from "./site_targets.ts";
import { excludeField, isHostPattern, policyHostField, policyRangeField } from "./target_fields.ts";
import { Secret } from "../../common/core/secret.ts";

/**
 * Reads the file and what it refers to. Throws `ConfigMistakesError` with all mistakes, none of which shows a secret.
 */
export async function readAgentConfig(
  path: string,
  parts: { env: (name: string) => string | undefined; readTextFile: (path: string) => Promise<string> },
): Promise<AgentConfig> {
  let text: string;
  try {
    text = await parts.readTextFile(path);
  } catch (cause) {
    throw new ConfigError(
      `Cannot read the configuration file "${path}": ${messageOf(cause)}`,
      "write one, such as docs/agent.example.yaml, or name another: --config FILE",
      { cause },
    );
  }
  return await withFileTexts(
    parts.readTextFile,
    (readFile) => parseAgentConfig(text, { file: path, env: parts.env, readFile }),
  );
}

export interface ParseOptions {
  /** Name of the file in messages. */
  file: string;
  env: (name: string) => string | undefined;
  /** Reads certificates and secrets that the file refers to. */
  readFile: FileReader;
}

/** As `readAgentConfig`, from a text. */
export function parseAgentConfig(text: string, options: ParseOptions): AgentConfig {
  const { config, reader } = readWhole(text, options);
  throwMistakes(reader.mistakes);
  return deepFreeze(config);
}

/** Every key that a file may have, such as `sites[].ranges`, in the order of the documentation. */
export function configKeys(): string[] {
  const { reader } = readWhole("sites: [{ name: x }]", { file: "", env: () => undefined, readFile: () => "" });
  return [...reader.keys];
}

const rootKeys = [
  "platform",
  "proxy",
  "stateDirectory",
  "sites",
  "credentials",
  "schedule",
  "limits",
  "poll",
  "log",
  "policy",
] as const;

function readWhole(text: string, options: ParseOptions): { config: AgentConfig; reader: ConfigReader } {
  const reader: ConfigReader = {
    mistakes: [],
    settings: [],
    keys: new Set(),
    env: options.env,
    readFile: options.readFile,
  };
  const document = parseYaml(text, options.file, (mistake) => reader.mistakes.push(mistake));
  // After a syntax error, keys would wrongly be reported as missing.
  throwMistakes(reader.mistakes);
  const root = openSection(reader, document, { path: "", known: rootKeys });
  if (!root.isMapping) throwMistakes(reader.mistakes);
  const platform = readPlatform(reader, document, root.value("platform"));
  const proxy = readProxy(reader, root.value("proxy"));
  const stateDirectory = readStateDirectory(reader, root);
  const limits = readLimits(reader, root.value("limits"));
  const schedule = readSchedule(reader, root.value("schedule"), { path: "schedule", base: defaultSchedule });
  const poll = readPoll(reader, root.value("poll"));
  const log = readLog(reader, root.value("log"));
  const credentials = readCredentialKey(reader, root);
  const sites = readSites(reader, root.value("sites"), { credentials, schedule, limits });
  const policy = readPolicy(reader, root.value("policy"), sites);
  const config: AgentConfig = {
    file: options.file,
    platform,
    proxy,
    stateDirectory,
    // The policy's exclusions apply to every site.
    sites: sites.map(({ site }) => ({ ...site, exclude: [...new Set([...site.exclude, ...policy.exclude])] })),
    credentials,
    schedule,
    limits,
    poll,
    log,
    policy,
    settings: reader.settings,
  };
  return { config, reader };
}

/** All features except web access, which gives persons access and must be enabled by the administrator. */
const defaultFeatures: Record<PolicyFeature, boolean> = {
  scan: true,
  ping: true,
  webAccess: false,
  diagnostics: true,
  update: true,
  setConfig: true,
};

/** Reads the policy; a site outside it is a mistake. */
function readPolicy(
  reader: ConfigReader,
  value: YamlValue | undefined,
  sites: readonly ReadSite[],
): PolicyConfig {
  const section = openSection(reader, value, {
    path: "policy",
    known: ["ranges", "hosts", "exclude", "ports", "webAccess", "update", "features", "mask"],
  });
  const ownRanges = sites.length === 0 ? privateRanges : sites.flatMap(({ site }) => rangesOfSite(site));
  const ranges = section.read("ranges", listField(policyRangeField), subtractRanges(ownRanges, []).map(formatRange));
  const ownHosts = sites.flatMap(({ site }) => site.hosts.map(hostOf));
  const hosts = section.read("hosts", listField(policyHostField), [...new Set(ownHosts)]);
  const policyExclude = section.read("exclude", listField(excludeField), []);
  const holes = policyExclude.filter(hasNoPort).flatMap(rangesOfText);
  // An address that one site excludes may belong to another; one that no site has is closed to the platform as well.
  const siteHoles = subtractRanges(
    sites.flatMap(({ site }) => site.exclude.filter(hasNoPort).flatMap(rangesOfText)),
    sites.flatMap(({ site }) => rangesOfSite(site)),
  );
  const ports = openSection(reader, section.value("ports"), {
    path: "policy.ports",
    known: ["snmp", "webAccess", "sshGateway"],
  });
  const ownPorts = sites.length === 0
    ? [defaultSnmpPort]
    : [...new Set(sites.flatMap(({ site }) => portsOfSite(site)))];
  const snmp = ports.read("snmp", listField(portField), ownPorts);
  const webAccess = ports.read("webAccess", listField(portField), [80, 443, 8000]);
  const sshGateway = ports.read("sshGateway", listField(portField), [22]);
  const webAccessLimits = readWebAccess(reader, section.value("webAccess"));
  const update = readUpdate(reader, section.value("update"));
  const features = openSection(reader, section.value("features"), { path: "policy.features", known: policyFeatures });
  const policy: PolicyConfig = {
    ranges: subtractRanges(ranges.flatMap(rangesOfText), [...holes, ...siteHoles]),
    hosts: hosts.map(hostOf),
    exclude: policyExclude,
    ports: { snmp, webAccess, sshGateway },
    webAccess: webAccessLimits,
    update,
    features: Object.fromEntries(
      policyFeatures.map((name) => [name, features.read(name, booleanField, defaultFeatures[name])]),
    ) as Record<PolicyFeature, boolean>,
    mask: section.read("mask", listField(choiceField(maskableFields)), []),
  };
  // Exclusions of the policy are left out of a site without a message: that is the purpose of `exclude`.
  for (const read of sites) refuseOutside(reader, policy, { read, holes });
  return policy;
}

function readWebAccess(reader: ConfigReader, value: YamlValue | undefined): WebAccessConfig {
  const path = "policy.webAccess";
  const section = openSection(reader, value, {
    path,
    known: ["approval", "allowedHours", "withoutSnmp", "maxDuration", "idleTimeout", "maxSize"],
  });
  return {
    approval: section.read("approval", booleanField, false),
    allowedHours: readAllowedHours(reader, section.value("allowedHours"), {
      path,
      base: { allowedHours: [] },
      inherits: false,
    }),
    withoutSnmp: section.read("withoutSnmp", choiceField(["refuse", "allow"]), "refuse"),
    maxDurationMs: section.read("maxDuration", durationField({ min: "1m", max: "4h" }), 30 * 60_000),
    idleTimeoutMs: section.read("idleTimeout", durationField({ min: "10s", max: "30m" }), 5 * 60_000),
    maxBytes: section.read("maxSize", byteSizeField({ min: "1MB", max: "1TB" }), 1_000_000_000),
  };
}

function readUpdate(reader: ConfigReader, value: YamlValue | undefined): UpdatePolicy {
  const path = "policy.update";
  const section = openSection(reader, value, { path, known: ["pin", "allowedHours"] });
  return {
    pin: section.read("pin", optionalField(pinField), null),
    allowedHours: readAllowedHours(reader, section.value("allowedHours"), {
      path,
      base: { allowedHours: [] },
      inherits: false,
    }),
  };
}

const pinField = textField((text) => {
  if (/^(0|[1-9]\d{0,5})(\.(0|[1-9]\d{0,5})){0,2}$/.test(text)) return text;
  throw new ValueSyntaxError("is not a version", 'write one in quotes, as "0.2.0", or its first parts, as "0.2"');
});

function refuseOutside(
  reader: ConfigReader,
  policy: PolicyConfig,
  { read: { site, section }, holes }: { read: ReadSite; holes: readonly IpRange[] },
): void {
  const ranges = section.value("ranges");
  const [outside] = subtractRanges(rangesOfSite(site), [...policy.ranges, ...holes]);
  if (ranges !== undefined && outside !== undefined) {
    const reason = `${section.path} is outside policy.ranges: current value is "${formatRange(outside)}"`;
    reader.mistakes.push(yamlError(ranges, reason, "add it to policy.ranges, or leave it out of the site"));
  }
  const port = portsOfSite(site).find((port) => !policy.ports.snmp.includes(port));
  const at = section.value("port") ?? ranges ?? section.value("hosts");
  if (port !== undefined && at !== undefined) {
    const reason = `${section.path} uses a port outside policy.ports.snmp: current value is "${port}"`;
    reader.mistakes.push(yamlError(at, reason, `add ${port} to policy.ports.snmp, or leave it out of the site`));
  }
}

function portsOfSite(site: { ranges: readonly string[]; hosts: readonly string[]; port: number }): number[] {
  return [...site.ranges, ...site.hosts].map((text) => parseTargetSpec(text).port ?? site.port);
}

function hostOf(text: string): string {
  if (isHostPattern(text)) return text.toLowerCase();
  const spec = parseTargetSpec(text);
  return spec.kind === "name" ? spec.name : text;
}

function rangesOfText(text: string): IpRange[] {
  return rangesIn([parseTargetSpec(text)]);
}

function hasNoPort(text: string): boolean {
  return parseTargetSpec(text).port === undefined;
}

/** Freezes plain objects and lists all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Secret || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
