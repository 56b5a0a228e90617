import { type Credential, credentialsFor, planFromWire } from "../snmp/credential.ts";
import { communityProbe, discoveryProbe, type ProbeTemplate } from "../snmp/probe.ts";
import type { SnmpVersion } from "../snmp/session.ts";
import { type Target, targetAt } from "../targets/address_space.ts";
import { permute } from "../targets/permute.ts";
import type { Remembered } from "./access.ts";
import type { ScannerConfig } from "./worker_messages.ts";

/** Which probes each target of a scan gets. */
export interface ProbePlan {
  credentialsOf(target: Target): readonly Credential[];
  rememberedOf(target: Target): Remembered | undefined;
  /** As `probeRounds`. */
  roundsFor(target: Target): ProbeTemplate[][];
  /**
   * Number of devices in the slice `[from, to)` of the shuffled order that answered before: these are worth more rounds
   * of probes.
   */
  knownIn(slice: { from: number; to: number }): number;
}

export function createProbePlan(config: ScannerConfig): ProbePlan {
  const { space, seed, retries, remembered } = config;
  const plan = planFromWire(config.credentials);
  const roundsOf = new Map<readonly Credential[], Map<string, ProbeTemplate[][]>>();
  // Most plans have one rule for all addresses, which saves the lookup.
  const [firstRule] = plan.rules;
  const forAll = firstRule?.ranges === null ? firstRule.credentials : undefined;
  const credentialsOf = ({ address }: Target) => forAll ?? credentialsFor(plan, address);
  const rememberedOf = (target: Target) => remembered?.[keyOf(target)];
  let roundsForAll: ProbeTemplate[][] | undefined;

  function roundsOfKnown(credentials: readonly Credential[], { credential = null, known }: Partial<Remembered> = {}) {
    let byPreferred = roundsOf.get(credentials);
    if (byPreferred === undefined) roundsOf.set(credentials, byPreferred = new Map());
    const key = `${known?.version} ${credential}`;
    let rounds = byPreferred.get(key);
    if (rounds === undefined) {
      byPreferred.set(key, rounds = probeRounds(credentials, retries, credential, known?.version));
    }
    return rounds;
  }

  return {
    credentialsOf,
    rememberedOf,
    roundsFor(target) {
      const known = remembered === undefined ? undefined : rememberedOf(target);
      if (known === undefined && forAll !== undefined) return roundsForAll ??= probeRounds(forAll, retries);
      return roundsOfKnown(credentialsOf(target), known);
    },
    knownIn({ from, to }) {
      if (remembered === undefined) return 0;
      let known = 0;
      for (let at = from; at < to; at++) {
        const target = targetAt(space, permute(at, space.size, seed));
        if ((rememberedOf(target)?.credential ?? null) !== null) known++;
      }
      return known * 2 > to - from ? known : 0;
    },
  };
}

/** Key of a device between worker and supervisor: "address port". */
export function keyOf({ address, port }: Target): string {
  return `${address} ${port}`;
}

/**
 * Probes of an address by round: first each credential in its first version (and one engine discovery for all USM
 * users), then in its second. Without a second try the second versions are in the first round, as agents that speak
 * only these would never be found. If a credential is known to work (`preferred`), the others are sent only in the
 * second round, to a device that did not answer it; the same applies to another version of its community.
 */
export function probeRounds(
  credentials: readonly Credential[],
  retries: number,
  preferred: string | null = null,
  version?: SnmpVersion,
): ProbeTemplate[][] {
  const isKnown = ({ name }: Credential) => name === preferred;
  const known = credentials.filter(isKnown).map((one) => withFirst(one, version));
  if (known.length > 0) {
    const [first = [], second = []] = probeRounds(known, retries);
    const others = probeRounds(credentials.filter((one) => !isKnown(one)), 0).flat();
    return retries > 0 ? [first, [...second, ...others]] : [[...first, ...others]];
  }
  const first: ProbeTemplate[] = [];
  const second: ProbeTemplate[] = [];
  let discovery: ProbeTemplate | undefined;
  for (const credential of credentials) {
    if (credential.kind === "usm") {
      if (discovery !== undefined) continue;
      discovery = discoveryProbe();
      first.push(discovery);
      second.push(discovery);
      continue;
    }
    const [preferred, other = preferred] = credential.versions;
    if (preferred === undefined || other === undefined) continue;
    const community = credential.community.reveal();
    first.push(communityProbe(preferred === "1" ? 0 : 1, community));
    if (retries > 0 || other !== preferred) second.push(communityProbe(other === "1" ? 0 : 1, community));
  }
  return retries > 0 ? [first, second] : [[...first, ...second.filter((probe) => probe !== discovery)]];
}

function withFirst(credential: Credential, version: SnmpVersion | undefined): Credential {
  if (credential.kind === "usm") return credential;
  const first = credential.versions.filter((one) => one === version);
  return { ...credential, versions: [...first, ...credential.versions.filter((one) => one !== version)] };
}
