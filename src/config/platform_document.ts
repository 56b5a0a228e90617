import type { SettingValue } from "./agent_config.ts";

/**
 * The platform's part of the configuration. It has the shape of `opendca.v1.PlatformConfig` as generated from
 * proto/opendca/v1/config.proto, so a decoded message can be used directly; nothing in it is trusted.
 */
export interface PlatformDocument {
  readonly pollIntervalSeconds?: number | undefined;
  readonly sites?: readonly PlatformSite[] | undefined;
  readonly schedule?: PlatformSchedule | undefined;
  readonly maskedFields?: readonly string[] | undefined;
  readonly update?: { readonly allowedHours: readonly PlatformTimeWindow[] } | undefined;
}

export interface PlatformSite {
  readonly name: string;
  /** Empty: the ranges of the agent's own file. */
  readonly ranges: readonly string[];
  readonly excludes: readonly string[];
  readonly schedule?: PlatformSchedule | undefined;
  readonly packetsPerSecond?: number | undefined;
}

export interface PlatformSchedule {
  readonly sweepIntervalSeconds?: number | undefined;
  readonly statusIntervalSeconds?: number | undefined;
  readonly meterIntervalSeconds?: number | undefined;
  readonly allowedHours: readonly PlatformTimeWindow[];
}

export interface PlatformTimeWindow {
  /** ISO 8601 numbers, 1 is Monday; empty: every day. */
  readonly days: readonly number[];
  readonly startMinute: number;
  /** If before the start: on the next day. */
  readonly endMinute: number;
}

/** Collects results while a document of the platform is applied. */
export interface PlatformNotes {
  refuse(sentence: string): void;
  set(path: string, value: SettingValue): void;
}
