/** The targets that the platform gives a site, cut down to what the policy allows. */
import { bitsOf, countOf, type IpRange, rangeToCidrs } from "../../common/core/ip_range.ts";
import { maybeUnscannable } from "../targets/parse_targets.ts";
import { parseTargetSpec, type TargetSpec, TargetSyntaxError } from "../targets/target_spec.ts";
import type { PolicyConfig, SiteConfig } from "./agent_config.ts";
import { allowsHost, formatRange, intersectRanges } from "./policy.ts";

/** Host names of the platform that are resolved, of all its sites. */
export const maxPlatformHosts = 500;

export interface SiteRangesOptions {
  policy: PolicyConfig;
  port: number;
  /** Names that the machine's own file has, which are allowed whatever the policy says. */
  ownHosts: ReadonlySet<string>;
  /** How many names may be taken beside these. */
  hostsLeft: number;
  /** Gets the reason for each target that is left out, wholly or in part. */
  refuse: (reason: string) => void;
}

/** Names that are left out are told in one sentence, however many there are: none of them is ever resolved. */
export function siteRanges(
  texts: readonly string[],
  { policy, port, ownHosts, hostsLeft, refuse }: SiteRangesOptions,
): Pick<SiteConfig, "ranges" | "hosts"> {
  const ranges: string[] = [];
  const hosts: string[] = [];
  const foreign: string[] = [], tooMany: string[] = [];
  let left = hostsLeft;
  for (const text of texts) {
    const found = `current value is "${text}"`;
    const spec = tryParse(text, (reason) => refuse(`${reason}: ${found}`));
    if (spec === undefined) continue;
    const usedPort = spec.port ?? port;
    if (!policy.ports.snmp.includes(usedPort)) {
      refuse(`port ${usedPort} is outside policy.ports.snmp: ${found}`);
    } else if (spec.kind === "name") {
      // Where it points to is found out when it is resolved: see `maySend`.
      if (ownHosts.has(spec.name)) hosts.push(text);
      else if (!allowsHost(policy, spec.name)) foreign.push(text);
      else if (hosts.includes(text)) continue;
      else if (left <= 0) tooMany.push(text);
      else {
        hosts.push(text);
        left--;
      }
    } else {
      const allowed = intersectRanges([spec.range], policy.ranges);
      const count = allowed.reduce((sum, range) => sum + countOf(range), 0n);
      const isWhole = count === countOf(spec.range);
      if (!isWhole) {
        refuse(`${count === 0n ? "it" : "a part of it"} is outside policy.ranges: ${found}`);
      }
      ranges.push(...(isWhole ? [text] : allowed.flatMap((range) => textsOf(range, spec))));
    }
  }
  refuseNames(foreign, "outside policy.hosts", refuse);
  refuseNames(tooMany, `over the limit of ${maxPlatformHosts} host names of the platform`, refuse);
  return { ranges: [...new Set(ranges)], hosts: [...new Set(hosts)] };
}

function refuseNames(names: readonly string[], why: string, refuse: (reason: string) => void): void {
  if (names.length === 0) return;
  const more = names.length === 1 ? "" : ` and ${names.length - 1} more`;
  refuse(`a host name is ${why}, so that it is not resolved: current value is "${names[0]}"${more}`);
}

function tryParse(text: string, refuse: (reason: string) => void): TargetSpec | undefined {
  try {
    const spec = parseTargetSpec(text);
    const reason = spec.kind === "range" ? maybeUnscannable(spec.range, spec.zone) : undefined;
    if (reason === undefined) return spec;
    refuse(reason);
  } catch (error) {
    if (!(error instanceof TargetSyntaxError)) throw error;
    refuse(error.reason);
  }
  return undefined;
}

/**
 * What is left of a target, as targets. A block is scanned without its ends; what is cut out of it keeps these out, too,
 * as nothing should be sent to a broadcast address.
 */
function textsOf(range: IpRange, spec: TargetSpec & { kind: "range" }): string[] {
  const port = (text: string) => spec.port === undefined ? text : withPort(text, range, spec.port);
  const isBlock = rangeToCidrs(range).length === 1;
  if (!spec.isBlock) return [port(isBlock && range.first !== range.last ? dashed(range) : formatRange(range))];
  if (isBlock) return [port(formatRange(range))];
  const first = range.first === spec.range.first && range.family === 4 ? range.first + 1n : range.first;
  const last = range.last === spec.range.last && range.family === 4 ? range.last - 1n : range.last;
  return first > last ? [] : [port(formatRange({ family: range.family, first, last }))];
}

function dashed({ family, first, last }: IpRange): string {
  const [from, to] = [first, last].map((value) => formatRange({ family, first: value, last: value }));
  return `${from}-${to}`;
}

function withPort(text: string, range: IpRange, port: number): string {
  return bitsOf(range.family) === 32 ? `${text}:${port}` : `[${text}]:${port}`;
}
