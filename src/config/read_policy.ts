/** The key `policy`: the ceiling. What it leaves out is what the rest of the file says. */
import { type IpRange, subtractRanges } from "../../common/core/ip_range.ts";
import { yamlError, type YamlValue } from "./yaml_reader.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { type PolicyConfig, type PolicyFeature, policyFeatures } from "./agent_config.ts";
import { maskableFields } from "../../common/reading/maskable_fields.ts";
import { booleanField, choiceField, listField, portField } from "./field.ts";
import { formatRange, privateRanges } from "./policy.ts";
import { defaultSnmpPort, type ReadSite } from "./read_sites.ts";
import { type ConfigReader, openSection } from "./section.ts";
import { rangesIn, rangesOfSite } from "./site_targets.ts";
import { excludeField, isHostPattern, policyHostField, policyRangeField } from "./target_fields.ts";

/** Everything but web access, which lets a person in and is switched on by the administrator. */
const defaultFeatures: Record<PolicyFeature, boolean> = {
  scan: true,
  ping: true,
  webAccess: false,
  diagnostics: true,
  update: true,
  setConfig: true,
};

/** Reads the policy and refuses sites that are outside it. */
export function readPolicy(
  reader: ConfigReader,
  value: YamlValue | undefined,
  sites: readonly ReadSite[],
): PolicyConfig {
  const section = openSection(reader, value, {
    path: "policy",
    known: ["ranges", "hosts", "exclude", "ports", "features", "mask"],
  });
  const ownRanges = sites.length === 0 ? privateRanges : sites.flatMap(({ site }) => rangesOfSite(site));
  const ranges = section.read("ranges", listField(policyRangeField), subtractRanges(ownRanges, []).map(formatRange));
  const ownHosts = sites.flatMap(({ site }) => site.hosts.map(hostOf));
  const hosts = section.read("hosts", listField(policyHostField), [...new Set(ownHosts)]);
  const policyExclude = section.read("exclude", listField(excludeField), []);
  const holes = policyExclude.filter(hasNoPort).flatMap(rangesOfText);
  // What one site excludes may be another's; what no site has is closed to the platform as well.
  const siteHoles = subtractRanges(
    sites.flatMap(({ site }) => site.exclude.filter(hasNoPort).flatMap(rangesOfText)),
    sites.flatMap(({ site }) => rangesOfSite(site)),
  );
  const ports = openSection(reader, section.value("ports"), { path: "policy.ports", known: ["snmp", "webAccess"] });
  const ownPorts = sites.length === 0
    ? [defaultSnmpPort]
    : [...new Set(sites.flatMap(({ site }) => portsOfSite(site)))];
  const snmp = ports.read("snmp", listField(portField), ownPorts);
  const webAccess = ports.read("webAccess", listField(portField), [80, 443, 8000]);
  const features = openSection(reader, section.value("features"), { path: "policy.features", known: policyFeatures });
  const policy: PolicyConfig = {
    ranges: subtractRanges(ranges.flatMap(rangesOfText), [...holes, ...siteHoles]),
    hosts: hosts.map(hostOf),
    exclude: policyExclude,
    ports: { snmp, webAccess },
    features: Object.fromEntries(
      policyFeatures.map((name) => [name, features.read(name, booleanField, defaultFeatures[name])]),
    ) as Record<PolicyFeature, boolean>,
    mask: section.read("mask", listField(choiceField(maskableFields)), []),
  };
  // What the policy excludes is left out of a site without a word: that is what `exclude` is for.
  for (const read of sites) refuseOutside(reader, policy, { read, holes });
  return policy;
}

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
