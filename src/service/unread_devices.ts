/** Devices of a site that answered but could not be read: a fault until they can. */
import { formatEndpoint } from "../../common/core/ip.ts";
import type { UnreadDevice } from "../../common/reading/reading.ts";
import { nameUnread } from "../scan/name_unread.ts";
import type { FaultList } from "./fault_list.ts";
import type { Place } from "./site_space.ts";

export interface UnreadDevices {
  /** Called after a pass over these places (null: the whole site, or a part of it if it was `cut`). */
  note(
    site: string,
    pass: { places: readonly Place[] | null; cut: boolean; unread: readonly UnreadDevice[]; read: readonly Place[] },
  ): void;
  forgetAllBut(sites: ReadonlySet<string>): void;
}

/** Limit for a site: more would say nothing new about a network that answers everything from one address. */
const maxDevices = 1000;

export function createUnreadDevices(faults: Pick<FaultList, "add" | "clear">): UnreadDevices {
  const sites = new Map<string, Map<string, UnreadDevice>>();
  const keyOf = ({ address, port }: Place) => formatEndpoint(address, port);
  return {
    note(site, { places, cut, unread, read }) {
      const known = new Map(places === null && !cut ? [] : sites.get(site));
      for (const place of [...places ?? [], ...read]) known.delete(keyOf(place));
      for (const device of unread) {
        if (device.reason !== "late" && device.reason !== "elsewhere") continue;
        if (known.size < maxDevices) known.set(keyOf(device), device);
      }
      sites.set(site, known);
      const count = known.size;
      if (count === 0) return faults.clear(`unread:${site}`);
      const what = count === 1 ? "1 device answered too late or" : `${count} devices answered too late or`;
      const whose = `of the site "${site}"`;
      faults.add(
        `unread:${site}`,
        `Cannot read each device ${whose}: ${what} from elsewhere: ${nameUnread([...known.values()])}`,
      );
    },
    forgetAllBut(names) {
      for (const site of [...sites.keys()]) {
        if (names.has(site)) continue;
        sites.delete(site);
        faults.clear(`unread:${site}`);
      }
    },
  };
}
