import { tryStore } from "../../common/host/sqlite.ts";
import type { Inventory } from "../store/inventory.ts";
import type { HostNamesOptions } from "../targets/host_names.ts";

/** The last known addresses of host names, kept in the inventory: with no name server, a restart does not lose printers. */
export function knownAddresses(inventory: Pick<Inventory, "mark" | "setMark">): NonNullable<HostNamesOptions["known"]> {
  const markOf = (name: string) => `addressesOf:${name}`;
  const get = (name: string) => inventory.mark(markOf(name))?.split(" ") ?? [];
  return {
    get,
    set(name, addresses) {
      if (get(name).join(" ") !== addresses.join(" ")) {
        tryStore(() => inventory.setMark(markOf(name), addresses.join(" ")));
      }
    },
  };
}
