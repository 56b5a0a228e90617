/** What the workers of a scan have reported so far. */
import type { OtherDevice, Problem, Reading, UnreadDevice } from "../../common/reading/reading.ts";
import type { Varbind } from "../snmp/value.ts";
import type { Access } from "./access.ts";
import type { DeviceResult, FoundDevice } from "./worker_messages.ts";

export interface ScanFindings {
  addFound(devices: readonly FoundDevice[]): void;
  addUnread(devices: readonly (UnreadDevice & { key: string })[]): void;
  addResult(result: DeviceResult): void;
  readonly problems: Problem[];
  /** Number of printers read, of found devices without a result, and of devices with a result. */
  counts(): { printers: number; waiting: number; finished: number };
  /** `reason`: why the devices without a result were not read. */
  collected(reason: UnreadDevice["reason"]): CollectedFindings;
}

export interface CollectedFindings {
  printers: Reading[];
  others: OtherDevice[];
  /** Devices that answered and were not read. */
  unread: UnreadDevice[];
  /** Answers by device, when the request says to capture. */
  captured: { key: string; varbinds: Varbind[]; access: Access | undefined }[];
  problems: Problem[];
}

export interface FindingListeners {
  onReading: (reading: Reading, access: Access | undefined) => void;
  /** Access to a device, by "address port", successful or not; called before its readings are delivered. */
  onAccess?: (key: string, access: Access) => void;
}

export function createFindings({ onReading, onAccess }: FindingListeners): ScanFindings {
  const printers: Reading[] = [];
  const others: OtherDevice[] = [];
  const captured: CollectedFindings["captured"] = [];
  const problems: Problem[] = [];
  /** Found devices without a result, by "address port". */
  const waiting = new Map<string, FoundDevice>();
  const expired: FoundDevice[] = [];
  /** Devices with unusable answers, by "address port"; they may still be found. */
  const unread = new Map<string, UnreadDevice>();
  let finished = 0;
  return {
    problems,
    addFound(devices) {
      for (const device of devices) {
        waiting.set(device.key, device);
        unread.delete(device.key);
      }
    },
    addUnread(devices) {
      for (const { key, ...device } of devices) if (!waiting.has(key)) unread.set(key, device);
    },
    addResult(result) {
      const device = waiting.get(result.key);
      if (result.isUnread && device !== undefined) expired.push(device);
      finished++;
      waiting.delete(result.key);
      problems.push(...result.problems);
      if (result.captured !== undefined) {
        captured.push({ key: result.key, varbinds: result.captured, access: result.access });
      }
      if (result.other !== undefined) others.push(result.other);
      if (result.access !== undefined) onAccess?.(result.key, result.access);
      for (const reading of result.readings) {
        printers.push(reading);
        onReading(reading, result.access);
      }
    },
    counts: () => ({ printers: printers.length, waiting: waiting.size, finished }),
    collected: (reason) => ({
      printers,
      others,
      captured,
      problems,
      unread: [
        ...unreadDevices(waiting.values(), reason),
        ...unreadDevices(expired, "deadline"),
        ...unread.values(),
      ],
    }),
  };
}

function unreadDevices(devices: Iterable<FoundDevice>, reason: UnreadDevice["reason"]): UnreadDevice[] {
  return [...devices].map(({ key: _, ...device }) => ({ ...device, reason }));
}
