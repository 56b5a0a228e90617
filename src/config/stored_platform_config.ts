/**
 * The platform's configuration as stored in the state directory (`platform.json`), so that the agent can start with it
 * while the platform is unreachable, and `opendca config show` can show it. It is checked against the policy again at
 * each start: editing the file permits nothing that the platform could not set.
 */
import type { PlatformDocument, PlatformSchedule, PlatformSite, PlatformTimeWindow } from "./platform_document.ts";

/** Name in the state directory. */
export const storedPlatformConfigName = "platform.json";

export interface StoredPlatformConfig {
  /** Hash of the ConfigDocument, as sent by the platform. */
  hash: string;
  document: PlatformDocument;
}

export function renderStoredPlatformConfig({ hash, document }: StoredPlatformConfig): string {
  return JSON.stringify({ hash, document }, null, 2) + "\n";
}

/** Undefined for any other content; members of the wrong type are left out. */
export function tryParseStoredPlatformConfig(text: string): StoredPlatformConfig | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined; // Incomplete or of another origin: the platform sends it again.
  }
  const file = recordOf(parsed);
  if (typeof file.hash !== "string") return undefined;
  const document = recordOf(file.document);
  return {
    hash: file.hash,
    document: {
      pollIntervalSeconds: numberOf(document.pollIntervalSeconds),
      schedule: scheduleOf(document.schedule),
      maskedFields: textsOf(document.maskedFields),
      update: document.update === undefined || document.update === null
        ? undefined
        : { allowedHours: windowsOf(recordOf(document.update).allowedHours) },
      sites: listOf(document.sites).map((site): PlatformSite => ({
        name: typeof site.name === "string" ? site.name : "",
        ranges: textsOf(site.ranges),
        excludes: textsOf(site.excludes),
        schedule: scheduleOf(site.schedule),
        packetsPerSecond: numberOf(site.packetsPerSecond),
      })),
    },
  };
}

function scheduleOf(value: unknown): PlatformSchedule | undefined {
  if (value === undefined || value === null) return undefined;
  const schedule = recordOf(value);
  return {
    sweepIntervalSeconds: numberOf(schedule.sweepIntervalSeconds),
    statusIntervalSeconds: numberOf(schedule.statusIntervalSeconds),
    meterIntervalSeconds: numberOf(schedule.meterIntervalSeconds),
    allowedHours: windowsOf(schedule.allowedHours),
  };
}

function windowsOf(value: unknown): PlatformTimeWindow[] {
  return listOf(value).map((window) => ({
    days: Array.isArray(window.days) ? window.days.map((day) => numberOf(day) ?? -1) : [],
    startMinute: numberOf(window.startMinute) ?? -1,
    endMinute: numberOf(window.endMinute) ?? -1,
  }));
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(recordOf) : [];
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
