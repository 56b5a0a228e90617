import type { Credential } from "../snmp/credential.ts";
import { communityProbe, discoveryProbe, type ProbeTemplate } from "../snmp/probe.ts";
import type { SnmpVersion } from "../snmp/session.ts";

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
