import type { Credential } from "../credentials/credential.ts";
import { communityProbe, discoveryProbe } from "../snmp/probe.ts";
import type { ProbeTemplate } from "../snmp/probe.ts";

/**
 * What an address is asked, by round: first each credential in its first version (and one engine discovery for all USM
 * users), then in its second. With no second try the second versions join the first round, or agents that speak
 * only them would never be found.
 */
export function probeRounds(credentials: readonly Credential[], retries: number): ProbeTemplate[][] {
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
