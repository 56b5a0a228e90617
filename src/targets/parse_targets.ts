/**
 * Converts the operator's targets to the addresses of a scan. A block of /30 or larger is scanned without its network
 * and broadcast address; ranges, single addresses and blocks of /31 and /32 are scanned completely. Adjacent and
 * overlapping blocks are merged, so no address and port is asked twice.
 */
import { UnavailableError, UsageError } from "../../common/core/errors.ts";
import {
  bitsOf,
  cidrRange,
  countOf,
  type IpRange,
  rangeContains,
  subtractRanges,
  tryParseCidr,
} from "../../common/core/ip_range.ts";
import { type IpAddress, tryParseIp } from "../../common/core/ip.ts";
import type { AddressSpace, AllowedRange, Segment } from "./address_space.ts";
import type { HostNames, ResolvedName } from "./host_names.ts";
import { entryError, readTargetEntries, type TargetEntry } from "./target_entry.ts";

export interface TargetOptions {
  /** Targets that are never sent to; without a port, for every port. */
  exclude: string[];
  /** Port of targets without one. */
  port: number;
  maxAddresses: number;
  resolve: HostNames["resolve"];
  /**
   * Called if a name was left out or its last known addresses are used. Without it, a name without an address is an
   * error.
   */
  onNameFault?: (name: string, reason: string) => void;
  readTextFile: (path: string) => Promise<string>;
}

/** Limited, as each IPv6 address is an entry of the scanner's permissions, which is compared with each packet. */
export const maxIpv6Addresses = 4096;

const unscannable = [
  ["0.0.0.0/8", "unspecified addresses"],
  ["224.0.0.0/4", "multicast addresses"],
  ["240.0.0.0/4", "reserved and broadcast addresses"],
  ["::/128", "the unspecified address"],
  ["fe80::/10", "link-local addresses, which need an interface, as in fe80::1%eth0"],
  ["ff00::/8", "multicast addresses"],
].map(([cidr = "", what]) => ({ cidr, bad: tryParseCidr(cidr)!, what }));

/** All targets are excluded. */
export class NothingLeftError extends UsageError {}

/** An address of a name, or a range, on one port. */
interface Claim extends IpRange {
  port: number;
  hostname: string | null;
  isBlock: boolean;
  zone?: string;
}

/**
 * The addresses to scan. Throws `UsageError` for a mistake in the input, and `UnavailableError` if an excluded name has
 * no address now, as it must not be guessed, or if no target has one.
 */
export async function parseTargets(specs: string[], options: TargetOptions): Promise<AddressSpace> {
  if (specs.length === 0) {
    throw new UsageError("Cannot scan as no target is given", "name a network, such as 192.0.2.0/24, or a printer");
  }
  const wanted = await readTargetEntries(specs, { ...options, what: "target" });
  const excluded = await readTargetEntries(options.exclude, { ...options, what: "exclusion" });
  for (const entry of wanted) refuseUnscannable(entry);
  const resolved = await resolveNames([...wanted, ...excluded], options);
  const holes = excluded.flatMap((entry) => {
    const claims = claimsOf(entry, resolved, 0);
    if (claims.length === 0) throw unresolved(entry, resolved);
    return claims.map((hole): Hole => ({ ...hole, port: entry.spec.port ?? null }));
  });
  const claims = wanted.map((entry) => claimsOf(entry, resolved, options.port));
  const missing = wanted.filter((_, i) => claims[i]!.length === 0);
  if (missing.length > 0 && (options.onNameFault === undefined || missing.length === wanted.length)) {
    throw unresolved(missing[0]!, resolved);
  }
  const check = (ranges: IpRange[]) => refuseTooMany(ranges, wanted, options);
  const space = buildSpace(claims.flatMap(firstChoice), holes, check);
  const others = buildSegments(claims.flatMap(secondChoice), [...holes, ...space.allowed]);
  return others.size === 0 ? space : { ...space, alternatives: others };
}

/** A and AAAA addresses of a name are assumed to be one device, which is asked at one of them only. */
function firstChoice(claims: Claim[]): Claim[] {
  const others = new Set(secondChoice(claims));
  return claims.filter((claim) => !others.has(claim));
}

function secondChoice(claims: Claim[]): Claim[] {
  return claims.some(({ family }) => family === 4) ? claims.filter(({ family }) => family === 6) : [];
}

interface Hole extends IpRange {
  /** Null: every port. */
  port: number | null;
}

function buildSpace(claims: Claim[], holes: Hole[], check: (ranges: IpRange[]) => void): AddressSpace {
  const space = buildSegments(claims, holes, check);
  if (space.size > 0) return space;
  throw new NothingLeftError("Cannot scan as every target is excluded", "leave out an --exclude, or add a target");
}

function buildSegments(claims: Claim[], holes: Hole[], check?: (ranges: IpRange[]) => void): AddressSpace {
  const scanned: (IpRange & { port: number; hostname: string | null; zone?: string })[] = [];
  const allowed: AllowedRange[] = [];
  for (const port of new Set(claims.map((claim) => claim.port))) {
    const here = claims.filter((claim) => claim.port === port);
    const closed = holes.filter((hole) => hole.port === null || hole.port === port);
    const names = new Map<string, Claim>();
    for (const claim of here) {
      const key = `${claim.family}/${claim.first}/${claim.zone ?? ""}`;
      const isSingle = claim.hostname !== null || claim.zone !== undefined;
      if (!isSingle || names.has(key) || isIn(closed, { ...claim, value: claim.first })) continue;
      names.set(key, claim);
    }
    const unnamed = subtractRanges(here.map(withoutEnds), [...closed, ...names.values()]);
    for (const range of unnamed) scanned.push({ ...range, port, hostname: null });
    for (const { isBlock: _, ...single } of names.values()) scanned.push(single);
    for (const range of subtractRanges(here, closed)) allowed.push({ ...range, port });
  }
  check?.(scanned);
  scanned.sort((a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : a.port - b.port));
  let size = 0;
  const segments = scanned.map((range): Segment => {
    const { port, hostname, zone } = range;
    const common = { count: Number(countOf(range)), port, hostname, index: size };
    size += common.count;
    return range.family === 4
      ? { family: 4, first: Number(range.first), ...common }
      : { family: 6, first: range.first, ...common, ...(zone === undefined ? {} : { zone }) };
  });
  return { size, segments, allowed };
}

function isIn(ranges: IpRange[], address: IpAddress): boolean {
  return ranges.some((range) => rangeContains(range, address));
}

function withoutEnds(claim: Claim): IpRange {
  const { family, first, last } = claim;
  const hasEnds = claim.isBlock && family === 4 && last - first > 1n;
  return hasEnds ? { family, first: first + 1n, last: last - 1n } : { family, first, last };
}

function refuseUnscannable(entry: TargetEntry): void {
  if (entry.spec.kind !== "range") return;
  const reason = maybeUnscannable(entry.spec.range, entry.spec.zone);
  if (reason !== undefined) throw entryError(entry, reason);
}

/** Why a range cannot be a target, such as "224.0.0.0/4 holds multicast addresses"; undefined if it can. */
export function maybeUnscannable(range: IpRange, zone?: string): string | undefined {
  // Only a link-local address has a zone, and it can be scanned with it.
  if (zone !== undefined) return undefined;
  for (const { cidr, bad, what } of unscannable) {
    if (bad.family === range.family && bad.first <= range.last && range.first <= bad.last) {
      return `${cidr} holds ${what}`;
    }
  }
  return undefined;
}

function refuseTooMany(ranges: IpRange[], wanted: TargetEntry[], options: TargetOptions): void {
  const v6 = sum(ranges.filter((range) => range.family === 6));
  const v6Entries = wanted.filter((entry) => entry.spec.kind === "name" || entry.spec.range.family === 6);
  if (v6 > BigInt(maxIpv6Addresses)) {
    throw new UsageError(
      `Cannot scan ${v6} IPv6 addresses as the limit is ${maxIpv6Addresses}: current value is ${textOf(v6Entries)}`,
      "an IPv6 network is too large to scan: give the printers' addresses or names",
    );
  }
  const count = sum(ranges);
  if (count > BigInt(options.maxAddresses)) {
    throw new UsageError(
      `Cannot scan ${count} addresses as the limit is ${options.maxAddresses}: current value is ${textOf(wanted)}`,
      `scan a smaller network, or raise the limit: --max-addresses ${count}`,
    );
  }
}

function sum(ranges: IpRange[]): bigint {
  return ranges.reduce((total, range) => total + countOf(range), 0n);
}

function textOf(entries: TargetEntry[]): string {
  const [first] = entries;
  const more = entries.length > 1 ? ` and ${entries.length - 1} more` : "";
  return `"${first?.text ?? ""}"${more}`;
}

/** Empty for a name without an address. */
function claimsOf(entry: TargetEntry, resolved: Map<string, ResolvedName>, defaultPort: number): Claim[] {
  const { spec } = entry;
  const port = spec.port ?? defaultPort;
  if (spec.kind === "range") {
    const { range, isBlock, zone } = spec;
    return [{ ...range, port, hostname: null, isBlock, ...(zone === undefined ? {} : { zone }) }];
  }
  return resolved.get(spec.name)!.addresses.map(tryParseIp).filter((ip) => ip !== undefined).map((address) => ({
    ...cidrRange(address, bitsOf(address.family)),
    port,
    hostname: spec.name,
    isBlock: false,
  }));
}

async function resolveNames(
  entries: TargetEntry[],
  { resolve, onNameFault }: TargetOptions,
): Promise<Map<string, ResolvedName>> {
  const names = new Set(entries.flatMap(({ spec }) => spec.kind === "name" ? [spec.name] : []));
  const resolved = await Promise.all([...names].map(async (name): Promise<[string, ResolvedName]> => {
    const found = await resolve(name);
    if (found.fault !== null) onNameFault?.(name, found.fault.message);
    return [name, found];
  }));
  return new Map(resolved);
}

function unresolved({ text, spec }: TargetEntry, resolved: Map<string, ResolvedName>): UnavailableError {
  const fault = spec.kind === "name" ? resolved.get(spec.name)?.fault : null;
  return new UnavailableError(
    `Cannot resolve a host name as ${
      fault?.message ?? "it has no address that can be scanned"
    }: current value is "${text}"`,
    fault?.reason === "silent"
      ? "check the name servers of this machine, or give the printer's address"
      : "check the name, or give the printer's address",
    60_000,
  );
}
