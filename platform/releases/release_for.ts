/** Which release an agent should get: a pure function of what is offered, what the agent is, and the time. */
import { isInRollout } from "../../common/release/check_update.ts";
import { compareVersions, isVersion } from "../../common/release/version_order.ts";
import { UpdateEncoding, type UpdateOffer } from "../../proto/gen/opendca/v1/update.ts";
import type { UpdateFacts } from "../agents/agents.ts";
import type { Catalogue, OfferedFile, OfferedRelease } from "./catalogue.ts";

/** What is not offered to an agent, a site or a customer is held back. */
export const held = "hold";

export interface UpdatingAgent extends UpdateFacts {
  customerId: string;
  /** As it runs. */
  version: string;
  /** Such as `linux-x64`; empty if it cannot update itself. */
  target: string;
}

export interface FoundRelease {
  release: OfferedRelease;
  file: OfferedFile;
}

/** As an agent is told it. */
export function offerOf({ release, file }: FoundRelease): UpdateOffer {
  return { manifest: release.text, encoding: UpdateEncoding.ZSTD, encodedBytes: BigInt(file.encodedBytes) };
}

/** Undefined if there is none. */
export function releaseFor({ releases }: Catalogue, agent: UpdatingAgent, now: Date): FoundRelease | undefined {
  if (agent.target === "" || !isVersion(agent.version)) return undefined;
  const pin = agent.agent_pin ?? agent.site_pin ?? agent.customer_pin;
  let best: FoundRelease | undefined;
  for (const release of releases) {
    const file = release.files.get(agent.target);
    if (file === undefined || release.isPaused || !isUpdate(release, agent, now)) continue;
    // The agent refuses what its manifest is not for yet, no matter who has pinned it.
    const percent = pin === null ? percentFor(release, agent) : pin === release.version ? 100 : 0;
    if (!isAmong(release, agent, percent)) continue;
    if (best === undefined || compareVersions(release.version, best.release.version) > 0) best = { release, file };
  }
  return best;
}

function isUpdate({ version, manifest }: OfferedRelease, agent: UpdatingAgent, now: Date): boolean {
  return compareVersions(version, agent.version) > 0 && compareVersions(agent.version, manifest.minimumVersion) >= 0 &&
    now.getTime() < Date.parse(manifest.expiresAt);
}

/** In the agent's own order, and never more than the manifest permits. */
function isAmong({ manifest }: OfferedRelease, agent: UpdatingAgent, percent: number): boolean {
  const rollout = { percent: Math.min(percent, manifest.rollout.percent) };
  return isInRollout({ ...manifest, rollout }, agent.installation_id);
}

/** Of the smallest group that has one: site, customer, dealer, all. */
function percentFor({ percents }: OfferedRelease, agent: UpdatingAgent): number {
  return percents.get(agent.site_id) ?? percents.get(agent.customerId) ?? percents.get(agent.dealer_id) ??
    percents.get("all") ?? 0;
}
