/**
 * What devices of one kind have shown of their tables: the next one is asked for all rows of a table at once, and for no
 * more than it has. A wrong guess costs a request or some octets, but changes no reading.
 */
import { maybeText } from "../printers/inquiry.ts";
import type { ObjectStore } from "../printers/object_store.ts";
import { oids } from "../printers/printer_mib.ts";
import type { Profile } from "../printers/profile.ts";
import { createKindSizes, type KindSizes } from "../snmp/answer_sizes.ts";

export interface DeviceKinds {
  /** Shared by all devices of the kind of this one. */
  sizesOf(store: ObjectStore, profile: Profile): KindSizes;
}

/** Far more models than a fleet has. If there are more, as with a serial number in the name, all are learned again. */
const mostKinds = 512;

export function createDeviceKinds(): DeviceKinds {
  const kinds = new Map<string, KindSizes>();
  return {
    sizesOf(store, profile) {
      const name = maybeText(store.column(oids.hrDeviceDescr)[0]?.[1]) ?? maybeText(store.get(oids.sysDescr));
      const key = `${profile.id} ${String(store.get(oids.sysObjectID)?.value)} ${name}`;
      const known = kinds.get(key);
      if (known !== undefined) return known;
      if (kinds.size >= mostKinds) kinds.clear();
      const sizes = createKindSizes();
      kinds.set(key, sizes);
      return sizes;
    },
  };
}
