/**
 * What the agent runs with, parsed once and frozen. Three hands write it: the file of the machine's administrator, a few
 * variables of the environment, and the platform as far as the file's `policy:` lets it (see platform_document.ts).
 * docs/configuration.md describes every key.
 */
import type { IpRange } from "../../common/core/ip_range.ts";
import type { Secret } from "../../common/core/secret.ts";
import type { MaskableField } from "../../common/reading/maskable_fields.ts";
import type { CredentialPlan } from "../snmp/credential.ts";
import type { LogLevel } from "../log/log_level.ts";
import type { AllowedHours } from "./allowed_hours.ts";

export interface AgentConfig {
  /** The file that it came from. */
  readonly file: string;
  readonly platform: PlatformConfig;
  /** Null: connections are direct. */
  readonly proxy: ProxyConfig | null;
  readonly stateDirectory: string;
  /** Names are unique. */
  readonly sites: readonly SiteConfig[];
  /** For sites that have none of their own, such as those that the platform adds. */
  readonly credentials: CredentialPlan;
  readonly schedule: ScheduleConfig;
  readonly limits: LimitsConfig;
  readonly poll: PollConfig;
  readonly log: LogConfig;
  readonly policy: PolicyConfig;
  /** Every value as it is shown, with where it came from; secrets are redacted. In the order of the documentation. */
  readonly settings: readonly Setting[];
}

export interface PlatformConfig {
  /** In lower case. No host outside it is ever connected to. */
  readonly rootDomain: string;
  /** Tried in this order; at least one. */
  readonly endpoints: readonly Endpoint[];
  /** Certificates to trust instead of the system's; null for the system's. */
  readonly ca: { readonly file: string; readonly pem: string } | null;
  /** SHA-256 of public keys (SubjectPublicKeyInfo, DER) as 64 lower-case hex digits; empty: no pin. */
  readonly pins: readonly string[];
  /** Ed25519 public keys (32 octets in base64) whose tokens lift the lock; believed when activation is first tried. */
  readonly unlockKeys: readonly string[];
  /** Brokers that bring wake-ups and tasks, in the order in which they are tried; empty for none. */
  readonly mqtt: readonly MqttEndpoint[];
}

export interface MqttEndpoint extends Endpoint {
  /** MQTT in WebSockets, or by itself; always with TLS. */
  readonly kind: "wss" | "mqtts";
  /** Of the WebSocket; null without. */
  readonly path: string | null;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ProxyConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  /** Present with `user` only. */
  readonly password: Secret | null;
  /** Hosts that are reached directly: names, `.domain` for all under it, addresses and blocks. */
  readonly noProxy: readonly string[];
}

export interface SiteConfig {
  readonly name: string;
  /** Targets as src/targets/parse_targets.ts takes them, checked: blocks, ranges and addresses. */
  readonly ranges: readonly string[];
  /** Host names, each with a port or without. */
  readonly hosts: readonly string[];
  /** Never sent to; with those of the policy. */
  readonly exclude: readonly string[];
  /** UDP port where a target names none. */
  readonly port: number;
  readonly credentials: CredentialPlan;
  readonly schedule: ScheduleConfig;
  /** SNMP packets per second; 0 is unlimited. */
  readonly ratePerSecond: number;
}

export interface ScheduleConfig {
  readonly fullSweepEveryMs: number;
  /** Status of known devices. */
  readonly statusEveryMs: number;
  /** Full readings, with meters, of known devices. */
  readonly metersEveryMs: number;
  /** When there may be traffic to printers: all of them must allow it (`isAllowedAt`). Empty: at any time. */
  readonly allowedHours: readonly AllowedHours[];
  /** Share of an interval by which a start is moved at random, 0 to 0.5. */
  readonly jitter: number;
}

export interface LimitsConfig {
  /** SNMP packets per second of a site that sets none itself; 0 is unlimited. */
  readonly ratePerSecond: number;
  /** Scanner threads; null: as many as a scan is worth, at most one per processor and 4. */
  readonly workers: number | null;
  /** How long one SNMP request waits. */
  readonly timeoutMs: number;
  readonly retries: number;
  /** Longest time for one device. */
  readonly deviceDeadlineMs: number;
  /** A site with more is refused. */
  readonly maxAddresses: number;
  readonly spool: { readonly maxBytes: number; readonly maxAgeMs: number };
}

export interface PollConfig {
  readonly intervalMs: number;
}

export interface LogConfig {
  readonly level: LogLevel;
  /** `auto`: text on a terminal, JSON elsewhere. A file is always JSON. */
  readonly format: "auto" | "json" | "text";
  /** Null: standard output. */
  readonly file: LogFileConfig | null;
}

export interface LogFileConfig {
  readonly path: string;
  /** A file that would exceed it is rotated. */
  readonly maxBytes: number;
  /** Rotated files that are kept. */
  readonly keep: number;
}

/** What the platform may ask for by a task, or set. */
export const policyFeatures = ["scan", "ping", "webAccess", "diagnostics", "update", "setConfig"] as const;
export type PolicyFeature = (typeof policyFeatures)[number];

/** The administrator's ceiling: no task and no configuration of the platform gets past it. */
export interface PolicyConfig {
  /** Addresses that may be sent to, what is excluded taken out already; merged and sorted. */
  readonly ranges: readonly IpRange[];
  /**
   * Host names that may be sent to whatever their address is, in lower case; `*.example.com` for all under it. No other
   * name of the platform is resolved.
   */
  readonly hosts: readonly string[];
  /** Never sent to, also by name; in the forms of targets, and taken out of `ranges` already. */
  readonly exclude: readonly string[];
  readonly ports: {
    readonly snmp: readonly number[];
    readonly webAccess: readonly number[];
    /** Of the platform's SSH gateway. */
    readonly sshGateway: readonly number[];
  };
  readonly webAccess: WebAccessConfig;
  readonly features: Readonly<Record<PolicyFeature, boolean>>;
  readonly mask: readonly MaskableField[];
}

/** Limits of Device Web Access, where `features.webAccess` is on. */
export interface WebAccessConfig {
  /** Each session waits for `opendca sessions approve`. */
  readonly approval: boolean;
  /** When sessions may be open, as far as the site's hours allow it; empty: at any time. */
  readonly allowedHours: readonly AllowedHours[];
  /** Of a device whose identity SNMP does not tell. */
  readonly withoutSnmp: "refuse" | "allow";
  readonly maxDurationMs: number;
  readonly idleTimeoutMs: number;
  /** Of one session, in both directions. */
  readonly maxBytes: number;
}

export type SettingSource =
  | { readonly kind: "default" }
  /** `place` is FILE:LINE. */
  | { readonly kind: "file"; readonly place: string }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "platform" };

/** One effective value, as `opendca config show` prints it. */
export interface Setting {
  /** Such as `limits.timeout` or `sites[0].ranges`: keys as the file has them. */
  readonly path: string;
  readonly value: SettingValue;
  readonly source: SettingSource;
}

/** Units are written as in the file ("5m"); a secret is its redacted text. */
export type SettingValue = string | number | boolean | null | readonly string[];
