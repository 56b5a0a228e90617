/**
 * The agent's effective configuration, parsed once and frozen. It has three sources: the file of the machine's
 * administrator, a few environment variables, and the platform within the limits of the file's `policy:` (see
 * platform_document.ts). docs/configuration.md describes every key.
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
  /** For sites without credentials of their own, such as those that the platform adds. */
  readonly credentials: CredentialPlan;
  readonly schedule: ScheduleConfig;
  readonly limits: LimitsConfig;
  readonly poll: PollConfig;
  readonly log: LogConfig;
  readonly policy: PolicyConfig;
  /** Every value as it is shown, with its source; secrets are redacted. In the order of the documentation. */
  readonly settings: readonly Setting[];
}

export interface PlatformConfig {
  /** In lower case. No host outside it is ever connected to. */
  readonly rootDomain: string;
  /** Tried in this order; at least one. */
  readonly endpoints: readonly Endpoint[];
  /** Certificates to trust instead of the system's, and their file; null: the system's. */
  readonly ca: { readonly file: string | null; readonly pem: string } | null;
  /** SHA-256 of public keys (SubjectPublicKeyInfo, DER) as 64 lower-case hex digits; empty: no pin. */
  readonly pins: readonly string[];
  /**
   * Ed25519 public keys (32 octets in base64) whose tokens lift the lock; read at the first activation attempt only.
   */
  readonly unlockKeys: readonly string[];
  /** Brokers that bring wake-ups and tasks, in the order in which they are tried; empty for none. */
  readonly mqtt: readonly MqttEndpoint[];
}

export interface MqttEndpoint extends Endpoint {
  /** MQTT in WebSockets, or by itself; always with TLS. */
  readonly kind: "wss" | "mqtts";
  /** Path of the WebSocket; null without one. */
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
  /** Hosts that are connected to directly: names, `.domain` for all names under it, addresses and blocks. */
  readonly noProxy: readonly string[];
}

export interface SiteConfig {
  readonly name: string;
  /** Targets in the form of src/targets/parse_targets.ts, checked: blocks, ranges and addresses. */
  readonly ranges: readonly string[];
  /** Host names, each with a port or without. */
  readonly hosts: readonly string[];
  /** Targets that are never sent to, including those of the policy. */
  readonly exclude: readonly string[];
  /** UDP port of targets without one. */
  readonly port: number;
  readonly credentials: CredentialPlan;
  readonly schedule: ScheduleConfig;
  /** SNMP packets per second; 0 is unlimited. */
  readonly ratePerSecond: number;
}

export interface ScheduleConfig {
  readonly fullSweepEveryMs: number;
  /** Interval of status reads of known devices. */
  readonly statusEveryMs: number;
  /** Interval of full reads, with meters, of known devices. */
  readonly metersEveryMs: number;
  /** When there may be traffic to printers: all of them must allow it (`isAllowedAt`). Empty: at any time. */
  readonly allowedHours: readonly AllowedHours[];
  /** Share of an interval by which a start is moved at random, 0 to 0.5. */
  readonly jitter: number;
}

export interface LimitsConfig {
  /** SNMP packets per second of a site that sets none itself; 0 is unlimited. */
  readonly ratePerSecond: number;
  /** Scanner threads; null: by the size of the scan, at most one per processor and 4. */
  readonly workers: number | null;
  /** Milliseconds that one SNMP request waits for its answer. */
  readonly timeoutMs: number;
  readonly retries: number;
  /** Longest time for one device. */
  readonly deviceDeadlineMs: number;
  /** A site with more addresses is refused. */
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
  /** Size at which a file is rotated. */
  readonly maxBytes: number;
  /** Number of rotated files that are kept. */
  readonly keep: number;
}

/** What the platform may request by a task, or set. */
export const policyFeatures = ["scan", "ping", "webAccess", "diagnostics", "update", "setConfig"] as const;
export type PolicyFeature = (typeof policyFeatures)[number];

/** The administrator's limits for all tasks and the configuration of the platform. */
export interface PolicyConfig {
  /** Addresses that may be sent to, without the excluded ones; merged and sorted. */
  readonly ranges: readonly IpRange[];
  /**
   * Host names that may be sent to at any address, in lower case; `*.example.com` for all names under it. No other name
   * from the platform is resolved.
   */
  readonly hosts: readonly string[];
  /** Targets that are never sent to, also if found by name; already removed from `ranges`. */
  readonly exclude: readonly string[];
  readonly ports: {
    readonly snmp: readonly number[];
    readonly webAccess: readonly number[];
    /** Allowed ports of the platform's SSH gateway. */
    readonly sshGateway: readonly number[];
  };
  readonly webAccess: WebAccessConfig;
  readonly update: UpdatePolicy;
  readonly features: Readonly<Record<PolicyFeature, boolean>>;
  readonly mask: readonly MaskableField[];
}

/** Limits of Device Web Access, where `features.webAccess` is on. */
export interface WebAccessConfig {
  /** Each session waits for `opendca sessions approve`. */
  readonly approval: boolean;
  /** When sessions may be open, as far as the site's hours allow it; empty: at any time. */
  readonly allowedHours: readonly AllowedHours[];
  /** What to do for a device that SNMP does not identify. */
  readonly withoutSnmp: "refuse" | "allow";
  /** Of a whole session, with its extensions. */
  readonly maxDurationMs: number;
  readonly idleTimeoutMs: number;
  /** Maximum bytes of one session, both directions together. */
  readonly maxBytes: number;
}

/** Limits of updates, where `features.update` is on. */
export interface UpdatePolicy {
  /** The only version that is installed: a whole one, or the first parts of one; null: any. */
  readonly pin: string | null;
  /** When a new version may be installed: all of them must allow it. Empty: at any time. */
  readonly allowedHours: readonly AllowedHours[];
}

export type SettingSource =
  | { readonly kind: "default" }
  /** `place` is FILE:LINE. */
  | { readonly kind: "file"; readonly place: string }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "platform" };

/** One effective value, as `opendca config show` prints it. */
export interface Setting {
  /** Path of keys in the file, such as `limits.timeout` or `sites[0].ranges`. */
  readonly path: string;
  readonly value: SettingValue;
  readonly source: SettingSource;
}

/** Values with units are written as in the file ("5m"); a secret is its redacted text. */
export type SettingValue = string | number | boolean | null | readonly string[];
