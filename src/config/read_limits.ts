/** The keys `limits`, `poll`, `log` and `stateDirectory`. */
import type { YamlValue } from "./yaml_reader.ts";
import { type LogLevel, logLevels } from "../log/log_level.ts";
import type { LimitsConfig, LogConfig, PollConfig } from "./agent_config.ts";
import {
  byteSizeField,
  choiceField,
  durationField,
  integerField,
  pathField,
  type TextField,
  textField,
} from "./field.ts";
import { type ConfigReader, openSection, type Section } from "./section.ts";

const defaultStateDirectory = "/var/lib/opendca";

const workersField: TextField<number | null> = textField(
  (text) => text === "auto" ? null : integerField(1, 64).parse(text),
  (workers) => workers ?? "auto",
);

/** Packets per second; 0 is unlimited. */
export const rateField: TextField<number> = integerField(0, 10_000_000);

export function readLimits(reader: ConfigReader, value: YamlValue | undefined): LimitsConfig {
  const section = openSection(reader, value, {
    path: "limits",
    known: ["rate", "workers", "timeout", "retries", "deviceDeadline", "maxAddresses", "spool"],
  });
  const limits = {
    ratePerSecond: section.read("rate", rateField, 2000),
    workers: section.read("workers", workersField, null),
    timeoutMs: section.read("timeout", durationField({ min: "50ms", max: "1m" }), 1000),
    retries: section.read("retries", integerField(0, 10), 1),
    deviceDeadlineMs: section.read("deviceDeadline", durationField({ min: "1s", max: "1h" }), 60_000),
    maxAddresses: section.read("maxAddresses", integerField(1, 16_777_216), 1_048_576),
  };
  const spool = openSection(reader, section.value("spool"), { path: "limits.spool", known: ["maxSize", "maxAge"] });
  return {
    ...limits,
    spool: {
      maxBytes: spool.read("maxSize", byteSizeField({ min: "1MB", max: "1TB" }), 256e6),
      maxAgeMs: spool.read("maxAge", durationField({ min: "1h", max: "3650d" }), 90 * 86_400_000),
    },
  };
}

/** Bounds of opendca.v1.PlatformConfig.poll_interval_seconds. */
export const pollBounds = { min: "30s", max: "24h" };

export function readPoll(reader: ConfigReader, value: YamlValue | undefined): PollConfig {
  const section = openSection(reader, value, { path: "poll", known: ["interval"] });
  return { intervalMs: section.read("interval", durationField(pollBounds), 300_000) };
}

export function readLog(reader: ConfigReader, value: YamlValue | undefined): LogConfig {
  const section = openSection(reader, value, { path: "log", known: ["level", "format", "file"] });
  const level = section.readOverridable<LogLevel>("level", choiceField(logLevels), {
    fallback: "info",
    variable: "OPENDCA_LOG_LEVEL",
  });
  const format = section.read<LogConfig["format"]>("format", choiceField(["auto", "json", "text"]), "auto");
  const at = section.value("file");
  const file = openSection(reader, at, {
    path: "log.file",
    known: ["path", "maxSize", "keep"],
    inherits: at === undefined,
  });
  if (at === undefined) {
    section.note("file", null);
    return { level, format, file: null };
  }
  return {
    level,
    format,
    file: {
      path: file.require("path", pathField, { placeholder: "", hint: "such as path: /var/log/opendca/agent.log" }),
      maxBytes: file.read("maxSize", byteSizeField({ min: "64kB", max: "10GB" }), 10e6),
      keep: file.read("keep", integerField(1, 100), 5),
    },
  };
}

/** `stateDirectory` from the environment, the file, systemd's `StateDirectory=`, or the default, in this order. */
export function readStateDirectory(reader: ConfigReader, root: Section<"stateDirectory">): string {
  // systemd separates several with colons; the first one is used.
  const [fromSystemd] = reader.env("STATE_DIRECTORY")?.split(":") ?? [];
  return root.readOverridable("stateDirectory", pathField, {
    variable: "OPENDCA_STATE_DIRECTORY",
    fallback: fromSystemd || defaultStateDirectory,
    source: fromSystemd ? { kind: "environment", variable: "STATE_DIRECTORY" } : { kind: "default" },
  });
}
