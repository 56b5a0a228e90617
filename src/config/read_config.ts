/** `agent.yaml` from text to a frozen configuration, or to the list of everything that is wrong with it. */
import { ConfigError, messageOf } from "../../common/core/errors.ts";
import { type FileReader, withFileTexts } from "./file_texts.ts";
import { parseYaml } from "./yaml_reader.ts";
import type { AgentConfig } from "./agent_config.ts";
import { throwMistakes } from "./config_mistakes.ts";
import { deepFreeze } from "./deep_freeze.ts";
import { readLimits, readLog, readPoll, readStateDirectory } from "./read_limits.ts";
import { readPlatform, readProxy } from "./read_platform.ts";
import { readPolicy } from "./read_policy.ts";
import { defaultSchedule, readSchedule } from "./read_schedule.ts";
import { readCredentialKey, readSites } from "./read_sites.ts";
import { type ConfigReader, openSection } from "./section.ts";

export const defaultConfigPath = "/etc/opendca/agent.yaml";

/** The file of `--config`, of OPENDCA_CONFIG, or the default. */
export function configPath(option: string | undefined, env: (name: string) => string | undefined): string {
  return option ?? (env("OPENDCA_CONFIG") || defaultConfigPath);
}

/** Reads the file and what it refers to. Throws `ConfigMistakesError` with all mistakes, none of which shows a secret. */
export async function readAgentConfig(
  path: string,
  parts: { env: (name: string) => string | undefined; readTextFile: (path: string) => Promise<string> },
): Promise<AgentConfig> {
  let text: string;
  try {
    text = await parts.readTextFile(path);
  } catch (cause) {
    throw new ConfigError(
      `Cannot read the configuration file "${path}": ${messageOf(cause)}`,
      "write one, such as docs/agent.example.yaml, or name another: --config FILE",
      { cause },
    );
  }
  return await withFileTexts(
    parts.readTextFile,
    (readFile) => parseAgentConfig(text, { file: path, env: parts.env, readFile }),
  );
}

export interface ParseOptions {
  /** Name of the file in messages. */
  file: string;
  env: (name: string) => string | undefined;
  /** Reads certificates and secrets that the file refers to. */
  readFile: FileReader;
}

/** As `readAgentConfig`, of a text. */
export function parseAgentConfig(text: string, options: ParseOptions): AgentConfig {
  const { config, reader } = readWhole(text, options);
  throwMistakes(reader.mistakes);
  return deepFreeze(config);
}

/** Every key that a file may have, such as `sites[].ranges`, in the order of the documentation. */
export function configKeys(): string[] {
  const { reader } = readWhole("sites: [{ name: x }]", { file: "", env: () => undefined, readFile: () => "" });
  return [...reader.keys];
}

const rootKeys = [
  "platform",
  "proxy",
  "stateDirectory",
  "sites",
  "credentials",
  "schedule",
  "limits",
  "poll",
  "log",
  "policy",
] as const;

function readWhole(text: string, options: ParseOptions): { config: AgentConfig; reader: ConfigReader } {
  const reader: ConfigReader = {
    mistakes: [],
    settings: [],
    keys: new Set(),
    env: options.env,
    readFile: options.readFile,
  };
  const document = parseYaml(text, options.file, (mistake) => reader.mistakes.push(mistake));
  // What was cut off by a mistake of syntax would only seem to be missing.
  throwMistakes(reader.mistakes);
  const root = openSection(reader, document, { path: "", known: rootKeys });
  if (!root.isMapping) throwMistakes(reader.mistakes);
  const platform = readPlatform(reader, document, root.value("platform"));
  const proxy = readProxy(reader, root.value("proxy"));
  const stateDirectory = readStateDirectory(reader, root);
  const limits = readLimits(reader, root.value("limits"));
  const schedule = readSchedule(reader, root.value("schedule"), { path: "schedule", base: defaultSchedule });
  const poll = readPoll(reader, root.value("poll"));
  const log = readLog(reader, root.value("log"));
  const credentials = readCredentialKey(reader, root);
  const sites = readSites(reader, root.value("sites"), { credentials, schedule, limits });
  const policy = readPolicy(reader, root.value("policy"), sites);
  const config: AgentConfig = {
    file: options.file,
    platform,
    proxy,
    stateDirectory,
    // What the policy excludes is excluded everywhere.
    sites: sites.map(({ site }) => ({ ...site, exclude: [...new Set([...site.exclude, ...policy.exclude])] })),
    credentials,
    schedule,
    limits,
    poll,
    log,
    policy,
    settings: reader.settings,
  };
  return { config, reader };
}
