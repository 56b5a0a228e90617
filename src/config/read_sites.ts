/** The keys `sites` and `credentials`. */
import { readYamlList, tryReadYaml, yamlError, type YamlValue } from "./yaml_reader.ts";
import { type Credential, type CredentialPlan, defaultPlan } from "../snmp/credential.ts";
import { readCredentialPlan } from "./parse_credentials.ts";
import type { LimitsConfig, ScheduleConfig, SiteConfig } from "./agent_config.ts";
import { listField, portField, textField } from "./field.ts";
import { formatRange } from "./policy.ts";
import { rateField } from "./read_limits.ts";
import { readSchedule } from "./read_schedule.ts";
import { type ConfigReader, openSection, type Section } from "./section.ts";
import { maybeOverlap, maybeTooLarge, rangesOfSite } from "./site_targets.ts";
import { excludeField, hostField, rangeField } from "./target_fields.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

export const defaultSnmpPort = 161;

/** A site and its place in the file. */
export interface ReadSite {
  site: SiteConfig;
  section: Section<(typeof siteKeys)[number]>;
}

const siteKeys = ["name", "ranges", "hosts", "exclude", "port", "rate", "schedule", "credentials"] as const;

/** The sites of the file; missing keys are taken from `base`. */
export function readSites(
  reader: ConfigReader,
  value: YamlValue | undefined,
  base: { credentials: CredentialPlan; schedule: ScheduleConfig; limits: LimitsConfig },
): ReadSite[] {
  const onMistake = (mistake: ConfigReader["mistakes"][number]) => void reader.mistakes.push(mistake);
  const items = value && tryReadYaml(onMistake, () => readYamlList(value, "sites", true));
  if (items === undefined || items.length === 0) {
    openSection(reader, undefined, { path: "sites[]", known: siteKeys, inherits: true });
    reader.settings.push({ path: "sites", value: [], source: { kind: "default" } });
  }
  const sites: ReadSite[] = [];
  for (const [index, item] of (items ?? []).entries()) {
    const read = readSite(reader, item, { ...base, path: `sites[${index}]` });
    refuseClash(reader, sites, read);
    sites.push(read);
  }
  return sites;
}

function readSite(
  reader: ConfigReader,
  value: YamlValue,
  base: { path: string; credentials: CredentialPlan; schedule: ScheduleConfig; limits: LimitsConfig },
): ReadSite {
  const { path } = base;
  const section = openSection(reader, value, { path, known: siteKeys });
  const name = section.require("name", siteNameField, { placeholder: "", hint: "such as name: head office" });
  const ranges = section.read("ranges", listField(rangeField), []);
  const hosts = section.read("hosts", listField(hostField), []);
  if (section.value("ranges") === undefined && section.value("hosts") === undefined && section.value("name")) {
    reader.mistakes.push(yamlError(value, `${path} has nothing to scan`, "such as ranges: [10.1.0.0/16]"));
  }
  const exclude = section.read("exclude", listField(excludeField), []);
  const port = section.read("port", portField, defaultSnmpPort);
  const at = section.value("rate");
  const ratePerSecond = at === undefined
    ? base.limits.ratePerSecond
    : section.read("rate", rateField, base.limits.ratePerSecond);
  const schedule = readSchedule(reader, section.value("schedule"), {
    path: `${path}.schedule`,
    base: base.schedule,
    inherits: true,
  });
  const own = section.value("credentials");
  const credentials = own === undefined ? base.credentials : readCredentialKey(reader, section);
  const site = { name, ranges, hosts, exclude, port, credentials, schedule, ratePerSecond };
  const reason = maybeTooLarge(rangesOfSite(site), base.limits.maxAddresses);
  if (reason !== undefined) {
    const hint =
      "divide it or raise limits.maxAddresses; for IPv6 list the printers, as a network is too large to scan";
    reader.mistakes.push(yamlError(section.value("ranges") ?? value, `${path} is too large: ${reason}`, hint));
  }
  return { site, section };
}

/** The name of a site, as used in readings and reports. */
export const siteNameField = textField((text) => {
  if (text.length > 100 || /[\p{Cc}\p{Cf}]/u.test(text)) {
    throw new ValueSyntaxError("is not a name of at most 100 visible characters");
  }
  return text;
});

/** Overlapping sites are a mistake: a device belongs to one site, and would be read twice. */
function refuseClash(reader: ConfigReader, before: ReadSite[], { site, section }: ReadSite): void {
  for (const { site: other } of before) {
    const at = section.value("name");
    if (at !== undefined && site.name !== "" && other.name === site.name) {
      reader.mistakes.push(yamlError(at, `two sites have the same name: current value is "${site.name}"`));
    }
    const both = maybeOverlap(rangesOfSite(other), rangesOfSite(site));
    const ranges = section.value("ranges");
    if (both === undefined || ranges === undefined) continue;
    const text = formatRange(both);
    reader.mistakes.push(
      yamlError(
        ranges,
        `${section.path} and the site "${other.name}" both contain ${text}`,
        `exclude it from one of them`,
      ),
    );
  }
}

/** The key `credentials` of the root or of a site; default: the community "public". */
export function readCredentialKey<K extends string>(
  reader: ConfigReader,
  section: Section<K | "credentials">,
): CredentialPlan {
  const value = section.value("credentials");
  const onMistake = (mistake: ConfigReader["mistakes"][number]) => void reader.mistakes.push(mistake);
  const what = section.pathOf("credentials");
  const read = value &&
    tryReadYaml(
      onMistake,
      () => readCredentialPlan(value, { what, env: reader.env, readFile: reader.readFile, onMistake }),
    );
  const plan = read ?? defaultPlan(["public"]);
  section.note("credentials", describePlan(plan));
  return plan;
}

/** One line for each credential, without secrets. */
function describePlan(plan: CredentialPlan): string[] {
  return plan.rules.flatMap(({ ranges, credentials }) =>
    credentials.map((credential) => {
      const where = ranges === null ? "" : ` for ${ranges.map(formatRange).join(", ")}`;
      return `${describe(credential)}${where}`;
    })
  );
}

function describe(credential: Credential): string {
  if (credential.kind === "community") return `${credential.name} (${credential.versions.join(", ")}) [redacted]`;
  const { name, level, auth, priv } = credential;
  const protocols = [auth?.protocol, priv?.protocol].filter((protocol) => protocol !== undefined);
  return `${name} (${[level, ...protocols].join(", ")})${auth === null ? "" : " [redacted]"}`;
}
