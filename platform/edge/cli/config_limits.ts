/** The limits of proto/opendca/v1/config.proto. Pure. */
import type { PlatformConfig, ScheduleConfig } from "../../../proto/gen/opendca/v1/config.ts";

/** Three of them and twenty tasks go into one message of 4 MiB. */
export const mostConfigBytes = 100 * 1024;

const intervals = {
  sweepIntervalSeconds: [300, 2_678_400],
  statusIntervalSeconds: [60, 86_400],
  meterIntervalSeconds: [300, 2_678_400],
} as const;

/** The first value that is beyond its limit, such as `sites.0.name is empty`; undefined when there is none. */
export function configMistake(config: PlatformConfig): string | undefined {
  return [...mistakes(config)][0];
}

function* mistakes(config: PlatformConfig): Iterable<string> {
  yield* numberMistake("pollIntervalSeconds", config.pollIntervalSeconds, [30, 86_400]);
  yield* scheduleMistakes("schedule", config.schedule);
  const names = new Set<string>();
  for (const [i, site] of config.sites.entries()) {
    const at = `sites.${i}`;
    if (site.name.trim() === "") yield `${at}.name is empty`;
    if (names.has(site.name)) yield `${at}.name is "${site.name}" a second time`;
    names.add(site.name);
    yield* numberMistake(`${at}.packetsPerSecond`, site.packetsPerSecond, [0, 1_000_000]);
    yield* scheduleMistakes(`${at}.schedule`, site.schedule);
  }
}

function* scheduleMistakes(at: string, schedule: ScheduleConfig | undefined): Iterable<string> {
  for (const [name, range] of Object.entries(intervals)) {
    yield* numberMistake(`${at}.${name}`, schedule?.[name as keyof typeof intervals], range);
  }
  for (const [i, { startMinute, endMinute }] of (schedule?.allowedHours ?? []).entries()) {
    yield* numberMistake(`${at}.allowedHours.${i}.startMinute`, startMinute, [0, 1440]);
    yield* numberMistake(`${at}.allowedHours.${i}.endMinute`, endMinute, [0, 1440]);
  }
}

function* numberMistake(
  at: string,
  value: number | undefined,
  [min, max]: readonly [number, number],
): Iterable<string> {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  yield `${at} is ${value}, not a whole number from ${min} to ${max}`;
}
