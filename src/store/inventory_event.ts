/** Decisions about identity, kept in order so that a person can follow and undo them. */
import type { Database } from "../../common/host/sqlite.ts";

export type InventoryEventType =
  | "deviceAdded"
  /** `details`: address, previousAddress (null when it was nowhere). */
  | "deviceMoved"
  /** A new device answers where another one was. `details`: address, previousDeviceId. */
  | "deviceReplaced"
  /** `details`: reason, deviceIds (devices that it was not merged with), evidence. */
  | "identityConflict"
  /** A known device was seen with something new. `details`: added, reasons. Can be undone. */
  | "evidenceAdded"
  /**
   * Something that is not the known device answered where it is, for the first time. `details`: address, by, evidence. What
   * it said is held until a second read shows which device it is.
   */
  | "identityDoubted"
  /** Two devices turned out to be this one. `details`: mergedDeviceId. Can be undone. */
  | "deviceMerged"
  /** A decision was undone. `details`: undone event, previousDeviceId. */
  | "deviceSplit"
  /** A counter is lower than before. `details`: meter, before, after. */
  | "meterWentBack";

export interface InventoryEvent {
  id: number;
  at: Date;
  type: InventoryEventType;
  deviceId: string;
  details: Record<string, unknown>;
}

interface EventRow {
  id: number;
  at: number;
  type: InventoryEventType;
  device: string;
  details: string;
}

export function insertEvent(db: Database, event: Omit<InventoryEvent, "id">): InventoryEvent {
  db.run(
    "INSERT INTO event (at, type, device, details) VALUES (?, ?, ?, ?)",
    event.at.getTime(),
    event.type,
    event.deviceId,
    JSON.stringify(event.details),
  );
  return { id: db.get<{ id: number }>("SELECT last_insert_rowid() AS id")!.id, ...event };
}

/** Events of one device or of all, oldest first. */
export function eventsOf(db: Database, deviceId?: string): InventoryEvent[] {
  const rows = deviceId === undefined
    ? db.all<EventRow>("SELECT * FROM event ORDER BY id")
    : db.all<EventRow>("SELECT * FROM event WHERE device = ? ORDER BY id", deviceId);
  return rows.map(({ id, at, type, device, details }) => ({
    id,
    at: new Date(at),
    type,
    deviceId: device,
    details: JSON.parse(details),
  }));
}
