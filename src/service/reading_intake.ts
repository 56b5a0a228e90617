/** What becomes of a reading: recognised, merged with what is known, masked, and put into the spool. */
import { DeviceEventKind } from "../../proto/gen/opendca/v1/batch.ts";
import type { MaskableField } from "../../common/reading/maskable_fields.ts";
import type { ClockBook } from "../store/clock_book.ts";
import type { Clock } from "../../common/core/clock.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import type { Inventory, KnownDevice } from "../store/inventory.ts";
import { evidenceOfReading } from "../store/known_evidence.ts";
import { isAsleep } from "../store/merge_reading.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import type { Spool } from "../store/spool.ts";
import type { SpoolRecord } from "../store/spool_record.ts";
import { recordOfEvent, recordOfReading } from "../link/spool_reading.ts";
import { deviceEvent, maybeDeviceEvent } from "./device_event.ts";

export type Scope = ReadingScope;

export interface Heard {
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
  /** What the machine's clock is worth; without it records have its time alone. */
  time?: Pick<ClockBook, "mark" | "markOf" | "now">;
  mask(): readonly MaskableField[];
  onHeard(heard: Heard): void;
  /** A device was found to be another one, and is known no more. */
  onMerged(deviceId: string): void;
  /** What was put into the spool is durable. */
  onSpooled(records: readonly SpoolRecord[]): void;
  /** The disk did not take it: this reading is lost, and the next one is tried. */
  onLost(error: Error, records: number): void;
  /** False where what is in doubt is not asked a second time. */
  mayHold?: boolean;
}

/** The device of a reading; `held` when a second look must show whose it is, `lost` when the disk did not take it. */
export type Taken = { deviceId: string } | "held" | "lost";

export interface ReadingIntake {
  take(reading: Reading, options: { site: string; scope: Scope; credential?: string | null }): Taken;
  /** Tells the platform which devices were merged when the inventory was brought up to date. */
  tellMerges(): void;
  /** Tells the platform that a known device is there again, or is not. */
  notePresence(device: KnownDevice, presence: "online" | "offline"): void;
  /** Records that the disk did not take so far. */
  lost(): number;
}

/** Readings that come in one go are one transaction of the spool. */
export function createReadingIntake(options: IntakeOptions): ReadingIntake {
  const { inventory, spool, clock, time, mask, mayHold = true } = options;
  let waiting: SpoolRecord[] = [];
  let lost = 0;

  function lose(error: unknown, records: number): void {
    const failure = storageFailure(error);
    lost += records;
    options.onLost(failure, records);
  }

  function put(records: readonly SpoolRecord[]): void {
    if (records.length === 0) return;
    if (waiting.length === 0) queueMicrotask(flush);
    waiting.push(...records);
  }

  function flush(): void {
    const records = waiting;
    waiting = [];
    try {
      spool.append(records);
      options.onSpooled(records);
    } catch (error) {
      lose(error, records.length);
    }
  }

  /** Whether the last report to the platform was that the device is offline; kept, so that a restart does not say it again. */
  const presenceMark = (deviceId: string) => `presence:${deviceId}`;

  return {
    lost: () => lost,
    take(reading, { site, scope, credential = null }) {
      let observed;
      try {
        observed = inventory.observe(
          { reading, site, scope, mayHold, ...(credential === null ? {} : { credential }) },
          (time ?? clock).now(),
        );
        const deviceId = observed.at(-1)?.deviceId;
        if (deviceId === undefined) return "held";
        if (inventory.mark(presenceMark(deviceId)) === "offline") {
          inventory.setMark(presenceMark(deviceId), "online");
          put([eventRecord(DeviceEventKind.ONLINE, reading, { site, deviceId })]);
        }
      } catch (error) {
        lose(error, 1);
        return "lost";
      }
      const context = { address: reading.address, evidence: evidenceOfReading(reading), mask: mask() };
      for (const { deviceId, merged, events, site, scope } of observed) {
        const mark = time?.markOf(new Date(merged.observedAt)) ?? null;
        // The last good meters are in it, but they were not read now.
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
      const { deviceId } = observed.at(-1)!;
      options.onHeard({ deviceId, site, asleep: isAsleep(reading), scope });
      return { deviceId };
    },
    tellMerges() {
      try {
        inventory.takeMerges((events) =>
          spool.append(events.flatMap((event) => {
            const device = inventory.device(event.deviceId);
            const told = device === undefined
              ? undefined
              : maybeDeviceEvent(event, { ...contextOf(device), mask: mask() });
            return device === undefined || told === undefined
              ? []
              : [recordOfEvent(told, { site: device.site, deviceKey: device.deviceId, observedAt: event.at })];
          }))
        );
      } catch (error) {
        // They are reported at the next start.
        storageFailure(error);
      }
    },
    notePresence(device, presence) {
      try {
        if ((inventory.mark(presenceMark(device.deviceId)) ?? "online") === presence) return;
        inventory.setMark(presenceMark(device.deviceId), presence);
      } catch (error) {
        return lose(error, 1);
      }
      const event = deviceEvent(presence === "offline" ? DeviceEventKind.OFFLINE : DeviceEventKind.ONLINE, {
        ...contextOf(device),
        mask: mask(),
      });
      put([recordOfEvent(event, { site: device.site, deviceKey: device.deviceId, ...now() })]);
    },
  };

  function eventRecord(
    kind: DeviceEventKind,
    reading: Reading,
    place: { site: string; deviceId: string },
  ): SpoolRecord {
    const event = deviceEvent(kind, { address: reading.address, evidence: evidenceOfReading(reading), mask: mask() });
    return recordOfEvent(event, { site: place.site, deviceKey: place.deviceId, ...now() });
  }

  function now() {
    return { observedAt: clock.now(), mark: time?.mark() ?? null };
  }
}

function contextOf(device: KnownDevice) {
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

/** Anything but a failure of the disk is a defect and must not pass as one. */
function storageFailure(error: unknown): Error {
  if (error instanceof StorageError || error instanceof DamagedDatabaseError) return error;
  throw error;
}
