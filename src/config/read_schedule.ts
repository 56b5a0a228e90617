/** The key `schedule` of the file and of each site. */
import type { YamlValue } from "./yaml_reader.ts";
import type { ScheduleConfig } from "./agent_config.ts";
import { type AllowedHours, byTime, type DayWindow, parseDayWindows, parseTimeZone } from "./allowed_hours.ts";
import { durationField, listField, percentField, textField } from "./field.ts";
import { type ConfigReader, openSection } from "./section.ts";

/** Bounds of opendca.v1.ScheduleConfig. */
export const sweepBounds = { min: "5m", max: "31d" };
export const statusBounds = { min: "1m", max: "24h" };

export const defaultSchedule: ScheduleConfig = {
  fullSweepEveryMs: 24 * 3_600_000,
  statusEveryMs: 30 * 60_000,
  metersEveryMs: 4 * 3_600_000,
  allowedHours: [],
  jitter: 0.1,
};

/** Missing keys are taken from `base`. */
export function readSchedule(
  reader: ConfigReader,
  value: YamlValue | undefined,
  { path, base, inherits = false }: { path: string; base: ScheduleConfig; inherits?: boolean },
): ScheduleConfig {
  const section = openSection(reader, value, {
    path,
    known: ["fullSweepEvery", "statusEvery", "metersEvery", "allowedHours", "jitter"],
    inherits,
  });
  return {
    fullSweepEveryMs: section.read("fullSweepEvery", durationField(sweepBounds), base.fullSweepEveryMs),
    statusEveryMs: section.read("statusEvery", durationField(statusBounds), base.statusEveryMs),
    metersEveryMs: section.read("metersEvery", durationField(sweepBounds), base.metersEveryMs),
    allowedHours: readAllowedHours(reader, section.value("allowedHours"), { path, base, inherits }),
    jitter: section.read("jitter", percentField(50), base.jitter),
  };
}

/** Reads `allowedHours` under `path`. */
export function readAllowedHours(
  reader: ConfigReader,
  value: YamlValue | undefined,
  { path, base, inherits }: { path: string; base: Pick<ScheduleConfig, "allowedHours">; inherits: boolean },
): readonly AllowedHours[] {
  const section = openSection(reader, value, {
    path: `${path}.allowedHours`,
    known: ["hours", "timeZone"],
    inherits: inherits || value === undefined,
  });
  if (value === undefined) {
    if (!inherits) reader.settings.push({ path: section.path, value: [], source: { kind: "default" } });
    return base.allowedHours;
  }
  const texts = section.require("hours", listField(windowField, { mayBeEmpty: false }), {
    placeholder: [],
    hint: 'such as hours: ["mon-fri 07:00-19:00"]',
  });
  const timeZone = section.read("timeZone", zoneField, null);
  return [{ timeZone, windows: texts.flatMap(({ windows }) => windows).sort(byTime) }];
}

const windowField = textField<{ text: string; windows: DayWindow[] }>(
  (text) => ({ text, windows: parseDayWindows(text) }),
  ({ text }) => text,
);

const zoneField = textField<string | null>(
  (text) => text === "local" ? null : parseTimeZone(text),
  (zone) => zone ?? "local",
);
