/** When a probe or a request may be sent, by all limits of a worker together. */
import type { Clock } from "../../common/core/clock.ts";
import type { Target } from "../targets/address_space.ts";
import { isNear } from "../targets/near_targets.ts";
import { createNeighbourPacer } from "./neighbour_pacer.ts";
import { createPacer } from "./token_bucket.ts";
import type { ScannerConfig } from "./worker_messages.ts";

export interface ScanPace {
  /** Resolves when the target may be probed; undefined when it may be at once. */
  probe(target: Target): Promise<void> | undefined;
  /** The same for a request to a device that is being read: never faster than everything together. */
  read(): Promise<void> | undefined;
}

/** Probes that wait for space in the neighbour table reject when the signal aborts. */
export function createScanPace(
  { ratePerSecond, reads, neighbourLimit }: Pick<ScannerConfig, "ratePerSecond" | "reads" | "neighbourLimit">,
  clock: Clock,
  signal: AbortSignal,
): ScanPace {
  const all = createPacer(ratePerSecond, clock);
  const ofReads = createPacer(reads?.perSecond ?? 0, clock, reads?.burst);
  const read = () => {
    const paced = ofReads.take();
    return paced === undefined ? all.take() : paced.then(() => all.take());
  };
  if (neighbourLimit === undefined) return { read, probe: () => all.take() };
  const neighbours = createNeighbourPacer(neighbourLimit.max, clock, signal);
  return {
    read,
    probe({ address }) {
      const room = isNear(address, neighbourLimit.links) ? neighbours.take(address) : undefined;
      if (room === undefined) return all.take();
      const paced = room.then(() => all.take());
      paced.catch(() => {}); // Rejects when the scan is stopped, perhaps before anything awaits it.
      return paced;
    },
  };
}
