/** The form of an agent's configuration: from a document to its fields, and back. Pure. */
import { UsageError } from "../../../common/core/errors.ts";
import { formatDuration, parseDuration } from "../../../common/core/duration.ts";
import { ValueSyntaxError } from "../../../common/core/value_syntax_error.ts";
import { maskableFields } from "../../../common/reading/maskable_fields.ts";
import { PlatformConfig, type SiteConfig } from "../../../proto/gen/opendca/v1/config.ts";
import { intervals, maybeConfigMistake, pollSeconds } from "../../agents/platform_config.ts";

/** Fields with a duration, and their limits in seconds. */
export const durations = {
  poll: pollSeconds,
  sweep: intervals.sweepIntervalSeconds,
  status: intervals.statusIntervalSeconds,
  meters: intervals.meterIntervalSeconds,
} as const;

export type DurationField = keyof typeof durations;

export interface SiteFields {
  name: string;
  ranges: string;
  excludes: string;
  rate: string;
}

export interface ConfigFields extends Record<DurationField, string> {
  masked: string[];
  sites: SiteFields[];
}

export function fieldsOf(config: PlatformConfig): ConfigFields {
  const text = (seconds: number | undefined) => seconds === undefined ? "" : formatDuration(seconds * 1000);
  return {
    poll: text(config.pollIntervalSeconds),
    sweep: text(config.schedule?.sweepIntervalSeconds),
    status: text(config.schedule?.statusIntervalSeconds),
    meters: text(config.schedule?.meterIntervalSeconds),
    masked: config.maskedFields,
    sites: config.sites.map(({ name, ranges, excludes, packetsPerSecond }) => ({
      name,
      ranges: ranges.join("\n"),
      excludes: excludes.join("\n"),
      rate: packetsPerSecond === undefined ? "" : String(packetsPerSecond),
    })),
  };
}

/**
 * The document with the fields in it. What the form does not show, such as hours, stays as it is; a site whose name was
 * emptied goes. Throws UsageError.
 */
export function withFields(config: PlatformConfig, fields: ConfigFields): PlatformConfig {
  const sites = fields.sites.flatMap((site, index): SiteConfig[] => {
    const name = site.name.trim();
    if (name === "") {
      if (index >= config.sites.length && `${site.ranges}${site.excludes}${site.rate}`.trim() !== "") {
        throw new UsageError("Cannot save a site without a name");
      }
      return [];
    }
    return [{
      ...(config.sites[index] ?? { schedule: undefined }),
      name,
      ranges: lines(site.ranges),
      excludes: lines(site.excludes),
      packetsPerSecond: rateOf(site.rate),
    }];
  });
  const schedule = {
    ...(config.schedule ?? { allowedHours: [] }),
    sweepIntervalSeconds: secondsOf("sweep", fields.sweep),
    statusIntervalSeconds: secondsOf("status", fields.status),
    meterIntervalSeconds: secondsOf("meters", fields.meters),
  };
  const hasSchedule = schedule.allowedHours.length > 0 ||
    `${fields.sweep}${fields.status}${fields.meters}`.trim() !== "";
  const unknown = fields.masked.find((name) => !(maskableFields as readonly string[]).includes(name));
  if (unknown !== undefined) throw new UsageError(`Cannot mask "${unknown.slice(0, 40)}": there is no such field`);
  const result = PlatformConfig.fromPartial({
    ...config,
    pollIntervalSeconds: secondsOf("poll", fields.poll),
    schedule: hasSchedule ? schedule : undefined,
    maskedFields: fields.masked,
    sites,
  });
  const mistake = maybeConfigMistake(result);
  if (mistake !== undefined) throw new UsageError(`Cannot save the configuration: ${mistake}`);
  return result;
}

function secondsOf(field: DurationField, text: string): number | undefined {
  if (text.trim() === "") return undefined;
  const [min, max] = durations[field];
  try {
    const ms = parseDuration(text, { min: `${min}s`, max: `${max}s`, bareUnit: "s" });
    return Math.ceil(ms / 1000);
  } catch (error) {
    if (!(error instanceof ValueSyntaxError)) throw error;
    throw new UsageError(
      `Cannot use "${text.slice(0, 40)}" as a time: it is ${formatDuration(min * 1000)} to ${
        formatDuration(max * 1000)
      }, such as 15m`,
    );
  }
}

function rateOf(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (/^\d{1,7}$/.test(trimmed)) return Number(trimmed);
  throw new UsageError(`Cannot use "${trimmed.slice(0, 40)}" as requests a second: a whole number, 0 for no limit`);
}

function lines(text: string): string[] {
  return text.split(/[\s,;]+/).filter((line) => line !== "");
}
