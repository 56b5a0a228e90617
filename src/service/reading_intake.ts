/** What becomes of a reading: recognised, merged with what is known, masked, and put into the spool. */
import { type DeviceEvent, DeviceEventKind } from "../../proto/gen/opendca/v1/batch.ts";
import type { DeviceEvidence } from "../../common/reading/device_evidence.ts";
import type { MaskableField } from "../../common/reading/maskable_fields.ts";
import type { ClockBook } from "../store/clock_book.ts";
import type { Clock } from "../../common/core/clock.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import type { Inventory, KnownDevice } from "../store/inventory.ts";
import type { InventoryEvent, InventoryEventType } from "../store/inventory_event.ts";
import { evidenceOfReading } from "../store/known_evidence.ts";
import { isAsleep } from "../store/merge_reading.ts";
import type { Observed } from "../store/observe_device.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import type { Spool } from "../store/spool.ts";
import type { SpoolRecord } from "../store/spool_record.ts";
import { recordOfEvent, recordOfReading } from "../link/spool_reading.ts";

export type Scope = ReadingScope;

export interface DeviceAnswer {
  deviceId: string;
  site: string;
  asleep: boolean;
  scope: Scope;
}

export interface IntakeOptions {
  inventory: Pick<Inventory, "observe" | "device" | "takeMerges" | "mark" | "setMark">;
  spool: Pick<Spool, "append">;
  /** The machine's. */
  clock: Pick<Clock, "now">;
  /** Corrects the machine's clock; without it records carry the machine's time only. */
  time?: Pick<ClockBook, "mark" | "markOf" | "now">;
  mask(): readonly MaskableField[];
  onAnswer(answer: DeviceAnswer): void;
  /** A device was merged into another one and no longer exists. */
  onMerged(deviceId: string): void;
  /** New records are durable in the spool. */
  onSpooled(records: readonly SpoolRecord[]): void;
  /** The write failed: this reading is lost, and the next one is tried. */
  onLost(error: Error, records: number): void;
  /** False if a doubtful device is not read a second time. */
  mayHold?: boolean;
}

/** The device of a reading; `held` if a second read must show which device it is, `lost` if the write failed. */
export type Taken = { deviceId: string } | "held" | "lost";

export interface ReadingIntake {
  take(reading: Reading, options: { site: string; scope: Scope; credential?: string | null }): Taken;
  /** Reports to the platform which devices a migration of the inventory merged. */
  reportMerges(): void;
  /** Reports to the platform that a known device is online or offline. */
  notePresence(device: KnownDevice, presence: "online" | "offline"): void;
  /** Records lost to failed writes so far. */
  lost(): number;
}

/** Readings that arrive together are one transaction of the spool. */
export function createReadingIntake(options: IntakeOptions): ReadingIntake {
  const { inventory, clock, time, mask, onAnswer, mayHold = true } = options;
  const { put, lose, lost } = createWriter(options);
  const now = () => ({ observedAt: clock.now(), mark: time?.mark() ?? null });

  /** Notes that the device is there; throws what the disk throws. */
  function observe(reading: Reading, { site, scope, credential }: Parameters<ReadingIntake["take"]>[1]): Observed[] {
    const known = credential === null || credential === undefined ? {} : { credential };
    const observed = inventory.observe({ reading, site, scope, mayHold, ...known }, (time ?? clock).now());
    const deviceId = observed.at(-1)?.deviceId;
    if (deviceId === undefined || inventory.mark(presenceMark(deviceId)) !== "offline") return observed;
    inventory.setMark(presenceMark(deviceId), "online");
    const event = deviceEvent(DeviceEventKind.ONLINE, { ...placeOf(reading), mask: mask() });
    put([recordOfEvent(event, { site, deviceKey: deviceId, ...now() })]);
    return observed;
  }

  return {
    lost,
    take(reading, taken) {
      let observed;
      try {
        observed = observe(reading, taken);
      } catch (error) {
        lose(error, 1);
        return "lost";
      }
      const last = observed.at(-1);
      if (last === undefined) return "held";
      const context = { ...placeOf(reading), mask: mask() };
      for (const { deviceId, merged, events, site, scope } of observed) {
        const mark = time?.markOf(new Date(merged.observedAt)) ?? null;
        // It contains the last good meters, which were not read now.
        const sent = scope === "full" ? merged : { ...merged, meters: [] };
        put([
          recordOfReading(sent, { site, deviceKey: deviceId, mark, scope, mask: mask() }),
          ...events.flatMap((event) => {
            if (event.type === "deviceMerged") options.onMerged(String(event.details.mergedDeviceId));
            const told = maybeDeviceEvent(event, context);
            return told === undefined ? [] : [recordOfEvent(told, { ...now(), site, deviceKey: deviceId })];
          }),
        ]);
      }
      const { deviceId } = last;
      onAnswer({ deviceId, site: taken.site, asleep: isAsleep(reading), scope: taken.scope });
      return { deviceId };
    },
    reportMerges: () => reportMerges(options),
    notePresence(device, presence) {
      try {
        if ((inventory.mark(presenceMark(device.deviceId)) ?? "online") === presence) return;
        inventory.setMark(presenceMark(device.deviceId), presence);
      } catch (error) {
        return lose(error, 1);
      }
      const kind = presence === "offline" ? DeviceEventKind.OFFLINE : DeviceEventKind.ONLINE;
      const event = deviceEvent(kind, { ...lastPlaceOf(device), mask: mask() });
      put([recordOfEvent(event, { site: device.site, deviceKey: device.deviceId, ...now() })]);
    },
  };
}

/** Whether the device was last reported as offline; stored, so that a restart does not report it again. */
function presenceMark(deviceId: string): string {
  return `presence:${deviceId}`;
}

/** Appends records to the spool after the current microtasks, and counts lost ones. */
function createWriter({ spool, onSpooled, onLost }: Pick<IntakeOptions, "spool" | "onSpooled" | "onLost">) {
  let waiting: SpoolRecord[] = [];
  let lost = 0;

  function lose(error: unknown, records: number): void {
    const failure = storageFailure(error);
    lost += records;
    onLost(failure, records);
  }

  function flush(): void {
    const records = waiting;
    waiting = [];
    try {
      spool.append(records);
      onSpooled(records);
    } catch (error) {
      lose(error, records.length);
    }
  }

  return {
    lose,
    lost: () => lost,
    put(records: readonly SpoolRecord[]): void {
      if (records.length === 0) return;
      if (waiting.length === 0) queueMicrotask(flush);
      waiting.push(...records);
    },
  };
}

function reportMerges({ inventory, spool, mask }: Pick<IntakeOptions, "inventory" | "spool" | "mask">): void {
  try {
    inventory.takeMerges((events) =>
      spool.append(events.flatMap((event) => {
        const device = inventory.device(event.deviceId);
        if (device === undefined) return [];
        const told = maybeDeviceEvent(event, { ...lastPlaceOf(device), mask: mask() });
        const place = { site: device.site, deviceKey: device.deviceId, observedAt: event.at };
        return told === undefined ? [] : [recordOfEvent(told, place)];
      }))
    );
  } catch (error) {
    // They are reported at the next start.
    storageFailure(error);
  }
}

function placeOf(reading: Reading): Omit<EventPlace, "mask"> {
  return { address: reading.address, evidence: evidenceOfReading(reading) };
}

function lastPlaceOf(device: KnownDevice): Omit<EventPlace, "mask"> {
  const of = (kind: string) => device.evidence.filter((each) => each.kind === kind && each.current && !each.shared);
  return {
    address: device.lastPlace?.address ?? "",
    evidence: {
      serial: of("serial")[0]?.value ?? null,
      engineId: of("engineId")[0]?.value ?? null,
      macs: of("mac").map(({ value }) => value),
      maker: device.maker,
      model: device.model,
    },
  };
}

/** Rethrows everything that is not a failed write: that is a defect of the agent. */
function storageFailure(error: unknown): Error {
  if (error instanceof StorageError || error instanceof DamagedDatabaseError) return error;
  throw error;
}

const kinds: Partial<Record<InventoryEventType, DeviceEventKind>> = {
  deviceAdded: DeviceEventKind.APPEARED,
  deviceMoved: DeviceEventKind.ADDRESS_CHANGED,
  deviceReplaced: DeviceEventKind.REPLACED,
  deviceMerged: DeviceEventKind.MERGED,
  meterWentBack: DeviceEventKind.METER_WENT_BACK,
};

interface EventPlace {
  address: string;
  evidence: DeviceEvidence;
  mask: readonly MaskableField[];
}

/** Undefined for events that the platform derives from the evidence itself, such as identity conflicts. */
export function maybeDeviceEvent({ type, details }: InventoryEvent, place: EventPlace): DeviceEvent | undefined {
  const kind = kinds[type];
  if (kind === undefined) return undefined;
  const previous = typeof details.previousAddress === "string" ? details.previousAddress : undefined;
  return deviceEvent(kind, {
    ...place,
    message: type === "meterWentBack"
      ? `The meter "${String(details.meter)}" went from ${String(details.before)} to ${String(details.after)}`
      : sentences[kind] ?? "",
    ...(kind === DeviceEventKind.ADDRESS_CHANGED && previous !== undefined ? { previousAddress: previous } : {}),
    ...(kind === DeviceEventKind.MERGED ? { mergedDeviceKey: String(details.mergedDeviceId) } : {}),
  });
}

const sentences: Partial<Record<DeviceEventKind, string>> = {
  [DeviceEventKind.APPEARED]: "A device that was not known answered",
  [DeviceEventKind.ADDRESS_CHANGED]: "The device answered at another address",
  [DeviceEventKind.REPLACED]: "Another device answers at this address",
  [DeviceEventKind.MERGED]: "Two devices of the inventory turned out to be one",
  [DeviceEventKind.OFFLINE]: "The device is silent at its address and was not found elsewhere",
  [DeviceEventKind.ONLINE]: "The device answers again",
};

/** The event without what the policy masks. */
function deviceEvent(
  kind: DeviceEventKind,
  options: EventPlace & { message?: string; previousAddress?: string; mergedDeviceKey?: string },
): DeviceEvent {
  const { evidence, mask, address, previousAddress, mergedDeviceKey } = options;
  const hides = (field: MaskableField) => mask.includes(field);
  return {
    kind,
    address: hides("address") ? "" : address,
    previousAddress: hides("address") ? undefined : previousAddress,
    evidence: {
      serial: hides("serial") ? undefined : evidence.serial ?? undefined,
      engineId: hides("engineId") ? undefined : evidence.engineId ?? undefined,
      macs: hides("mac") ? [] : evidence.macs,
      manufacturer: evidence.maker ?? undefined,
      model: evidence.model ?? undefined,
    },
    message: options.message ?? sentences[kind] ?? "",
    mergedDeviceKey,
  };
}
