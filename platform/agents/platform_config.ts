/** What a configuration for an agent may hold, as the agent's own limits are. Pure. */
import { PlatformConfig, type ScheduleConfig, type TimeWindow } from "../../proto/gen/opendca/v1/config.ts";

/** Size limit of a configuration, so that poll responses stay within 4 MiB. */
const mostConfigBytes = 100 * 1024;

/** Limits in seconds. */
export const pollSeconds = [30, 86_400] as const;
export const intervals = {
  sweepIntervalSeconds: [300, 2_678_400],
  statusIntervalSeconds: [60, 86_400],
  meterIntervalSeconds: [300, 2_678_400],
} as const;

/** A PlatformConfig of parsed JSON, or what is wrong with it; an unknown key is a mistake. */
export function platformConfigOf(parsed: unknown): { config: PlatformConfig } | { mistake: string } {
  const config = understood(parsed);
  if (config === undefined) return { mistake: 'see "the whole"' };
  // The generated reader drops unknown keys, and converts values of a wrong type to zero.
  const wrong = firstDifference(parsed, PlatformConfig.toJSON(config), "");
  if (wrong !== undefined) return { mistake: `see "${wrong}"` };
  const mistake = maybeConfigMistake(config);
  return mistake === undefined ? { config } : { mistake };
}

/** The first invalid value, such as `sites.0.name is empty`; undefined if there is none. */
export function maybeConfigMistake(config: PlatformConfig): string | undefined {
  const [first] = mistakes(config);
  if (first !== undefined) return first;
  const bytes = PlatformConfig.encode(config).finish().length;
  return bytes > mostConfigBytes ? `it has ${bytes} bytes, at most ${mostConfigBytes}` : undefined;
}

/* The generated reader takes members of whatever it is given, null included. */
function understood(parsed: unknown): PlatformConfig | undefined {
  try {
    return PlatformConfig.fromJSON(parsed);
  } catch {
    return undefined;
  }
}

function firstDifference(given: unknown, understood: unknown, path: string): string | undefined {
  if (Object.is(given, understood)) return undefined;
  if (typeof given !== "object" || given === null || typeof understood !== "object" || understood === null) {
    return isDefault(given) && understood === undefined ? undefined : path || "the whole";
  }
  if (Array.isArray(given) !== Array.isArray(understood)) return path || "the whole";
  for (const [key, value] of Object.entries(given)) {
    const wrong = firstDifference(
      value,
      (understood as Record<string, unknown>)[key],
      path === "" ? key : `${path}.${key}`,
    );
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/* JSON of protobuf leaves out what has its default. */
function isDefault(value: unknown): boolean {
  return value === 0 || value === "" || value === false || (Array.isArray(value) && value.length === 0);
}

function* mistakes(config: PlatformConfig): Iterable<string> {
  yield* numberMistake("pollIntervalSeconds", config.pollIntervalSeconds, pollSeconds);
  yield* scheduleMistakes("schedule", config.schedule);
  yield* hoursMistakes("update", config.update?.allowedHours);
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
  yield* hoursMistakes(at, schedule?.allowedHours);
}

function* hoursMistakes(at: string, hours: readonly TimeWindow[] = []): Iterable<string> {
  for (const [i, { startMinute, endMinute }] of hours.entries()) {
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
