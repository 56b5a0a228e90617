/** What feeds tell of a device, whatever the receiver. What is not known is not there. Pure. */
import { type Level, LevelKind } from "../../proto/gen/opendca/v1/reading.ts";
import { isLow } from "../devices/device_state.ts";
import { stateOf, supplyName } from "../devices/device_view.ts";
import type { ListedDevice } from "../devices/list_devices.ts";

export interface FedMeter {
  name: string;
  value: number;
  unit: string;
}

export interface FedSupply {
  index: string;
  name: string;
  kind: string;
  colorant: string;
  /** Known levels only. */
  level: { percent: number } | "some";
  isLow: boolean;
}

export interface FedDevice {
  customerId: string;
  customer: string;
  deviceId: string;
  site: string;
  /** Not set where a policy masks it. */
  address?: string | undefined;
  hostname?: string | undefined;
  manufacturer?: string | undefined;
  model?: string | undefined;
  serial?: string | undefined;
  mac?: string | undefined;
  firmware?: string | undefined;
  location?: string | undefined;
  contact?: string | undefined;
  description?: string | undefined;
  isOnline: boolean;
  /** Of its newest reading; undefined before the first. */
  state?: string | undefined;
  /** As statements count them. */
  meters: FedMeter[];
  metersAt?: number | undefined;
  /** Those whose level is known. */
  supplies: FedSupply[];
  suppliesAt?: number | undefined;
}

const maybe = (text: string | null | undefined) => text === null || text === "" ? undefined : text;

export function fedDevice(
  { row, newest, meters, supplies, isSilent }: ListedDevice,
  { customerId, name }: { customerId: string; name: string },
): FedDevice {
  const reading = newest?.reading;
  return {
    customerId,
    customer: name,
    deviceId: row.device_id,
    site: row.site,
    address: maybe(row.address),
    hostname: maybe(row.hostname),
    manufacturer: maybe(row.manufacturer),
    model: maybe(row.model),
    serial: maybe(row.serial),
    mac: maybe(reading?.mac),
    firmware: maybe(row.firmware),
    location: maybe(row.location),
    contact: maybe(reading?.contact),
    description: maybe(reading?.description),
    isOnline: !isSilent,
    state: reading === undefined ? undefined : stateOf(reading),
    meters: (meters?.values ?? []).map(({ name, value, unit }) => ({ name, value, unit })),
    metersAt: meters?.at,
    supplies: (supplies?.values ?? []).flatMap((supply) => {
      const level = knownLevel(supply.level), { index, kind, colorant } = supply;
      return level === undefined
        ? []
        : [{ index, name: supplyName(supply), kind, colorant, level, isLow: isLow(supply) }];
    }),
    suppliesAt: supplies?.at,
  };
}

/* No restriction is no level either. */
function knownLevel(level: Level | undefined): FedSupply["level"] | undefined {
  if (level?.kind === LevelKind.EMPTY) return { percent: 0 };
  if (level?.kind === LevelKind.SOME) return "some";
  return level?.kind === LevelKind.EXACT && level.percent !== undefined ? { percent: level.percent } : undefined;
}

/** Whether the unit is one of pages. */
export function isOfPages({ unit }: FedMeter): boolean {
  return /^(impressions|sheets|pages)$/.test(unit);
}

/** Maker and model, else what else it is known by. */
export function titleOf({ manufacturer, model, hostname, serial, deviceId }: FedDevice): string {
  const title = [manufacturer, model].filter((text) => text !== undefined).join(" ");
  return title || hostname || serial || deviceId;
}
