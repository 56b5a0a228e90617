import { type Credential, credentialsFor, planFromWire } from "../snmp/credential.ts";
import { communityProbe, discoveryProbe, type ProbeTemplate } from "../snmp/probe.ts";
import type { SnmpVersion } from "../snmp/session.ts";
import { type Target, targetAt } from "../targets/address_space.ts";
import { permute } from "../targets/permute.ts";
import type { Remembered } from "./access.ts";
import type { ScannerConfig } from "./worker_messages.ts";

/** What each target of a scan is asked. */
export interface ProbePlan {
  credentialsOf(target: Target): readonly Credential[];
  rememberedOf(target: Target): Remembered | undefined;
  /** As `probeRounds`. */
  roundsFor(target: Target): ProbeTemplate[][];
  /**
   * Devices that answered before, of the slice `[from, to)` of the shuffled order, where it is of such ones: their silence
   * is worth more questions.
   */
  knownIn(slice: { from: number; to: number }): number;
}

export function createProbePlan(config: ScannerConfig): ProbePlan {
  const { space, seed, retries, remembered } = config;
  const plan = planFromWire(config.credentials);
  const roundsOf = new Map<readonly Credential[], Map<string, ProbeTemplate[][]>>();
  // Most plans have one rule for all, and then an address need not be looked up.
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

/** How devices are named between worker and supervisor. */
export function keyOf({ address, port }: Target): string {
  return `${address} ${port}`;
}

/**
 * What an address is asked, by round: first each credential in its first version (and one engine discovery for all USM
 * users), then in its second. With no second try the second versions join the first round, or agents that speak
 * only them would never be found. Where a credential is known to work (`preferred`), the others are asked only in the second
 * round, of a device that is silent to it; so is a community in another version than the one that is known to work.
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
