/**
 * The configuration that is in effect: the machine's own file with the platform's part laid over it, under the policy. The
 * platform's part is kept in the state directory, so that the agent starts with it while the platform is away.
 */
import { createHash } from "node:crypto";
import { type ConfigDocument, PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { type AppliedConfig, applyPlatformConfig } from "../config/platform_config.ts";
import { effectiveConfigHash, effectiveConfigYaml } from "../config/render_config.ts";
import {
  renderStoredPlatformConfig,
  type StoredPlatformConfig,
  storedPlatformConfigName,
  tryParseStoredPlatformConfig,
} from "../config/stored_platform_config.ts";
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import type { PollConfig } from "../link/poller.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { type ConfigWatch, watchConfig } from "../config/watch_config.ts";
import type { Logger } from "../log/logger.ts";
import type { AgentMachine, CommonMachine } from "./agent_machine.ts";
import type { FaultList } from "./fault_list.ts";

export interface LiveConfig extends PollConfig {
  current(): AgentConfig;
  /** The machine's own file has changed. */
  setLocal(config: AgentConfig): void;
  /** Calls `listener` after each change until the result is disposed of, in the order of registration. */
  onChange(listener: (applied: AppliedConfig & { from: "file" | "platform" }) => void): Disposable;
}

export interface LiveConfigOptions {
  local: AgentConfig;
  readTextFile(path: string): Promise<string>;
  replaceTextFile(path: string, text: string): Promise<void>;
}

/** An unreadable stored part is ignored: the platform sends it again. */
export async function openLiveConfig(options: LiveConfigOptions): Promise<LiveConfig> {
  const path = `${options.local.stateDirectory}/${storedPlatformConfigName}`;
  let local = options.local;
  let stored: StoredPlatformConfig | undefined = await options.readTextFile(path).then(
    tryParseStoredPlatformConfig,
    () => undefined,
  );
  let applied = lay();
  let applying = Promise.resolve();
  const listeners = new Set<Parameters<LiveConfig["onChange"]>[0]>();

  function changed(from: "file" | "platform"): void {
    applied = lay();
    for (const listener of listeners) listener({ ...applied, from });
  }

  function lay(): AppliedConfig {
    return stored === undefined ? { config: local, refusals: [] } : applyPlatformConfig(local, stored.document);
  }

  return {
    current: () => applied.config,
    setLocal(config) {
      local = config;
      changed("file");
    },
    onChange(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    hash: () => stored?.hash ?? "",
    effectiveHash: () => effectiveConfigHash(applied.config),
    effectiveYaml: () => effectiveConfigYaml(applied.config),
    refusals: () => applied.refusals,
    async apply({ hash, content }: ConfigDocument) {
      const digest = createHash("sha256").update(content).digest("hex");
      if (digest !== hash) {
        throw new UnavailableError(`Cannot use the platform's configuration as its hash is ${digest}, not ${hash}`);
      }
      const next = { hash, document: decoded(content) };
      // A poll and a task may each bring a document, and both would write the same temporary file.
      const taking = applying.then(async () => {
        await options.replaceTextFile(path, renderStoredPlatformConfig(next));
        stored = next;
        changed("platform");
      });
      applying = taking.catch(() => {}); // Reported to the caller that brought it.
      await taking;
    },
  };
}

function decoded(content: Uint8Array): PlatformConfig {
  try {
    return PlatformConfig.decode(content);
  } catch (error) {
    throw new UnavailableError("Cannot read the platform's configuration", "tell the platform's operator", 0, {
      cause: error,
    });
  }
}

const restartSections = ["platform.", "proxy.", "proxy", "log.format", "log.file", "limits.spool"];

/** Whether a change affects parts that are opened once: the agent then closes and starts again. */
export function needsRestart(changes: readonly string[]): boolean {
  return changes.some((change) =>
    restartSections.some((section) => section.endsWith(".") ? change.startsWith(section) : change === section)
  );
}

interface OwnFileParts {
  initial: AgentConfig;
  machine: CommonMachine & AgentMachine;
  live: Pick<LiveConfig, "setLocal">;
  faults: Pick<FaultList, "add" | "clear">;
  log: Pick<Logger, "info" | "warn" | "error">;
  /** A setting has changed that is only read at the start. */
  restart(config: AgentConfig): void;
}

export function watchOwnFile({ initial, machine, live, faults, log, restart }: OwnFileParts): ConfigWatch {
  const { file, stateDirectory } = initial;
  return watchConfig({
    path: file,
    initial,
    read: (path) => readAgentConfig(path, machine),
    clock: machine.clock,
    watch(path, callback) {
      try {
        return machine.watchFile(path, callback);
      } catch (error) {
        // Too many watches on this machine; SIGHUP still works.
        log.warn("configUnwatched", { reason: messageOf(error) });
        return () => {};
      }
    },
    signals: machine.onHangUp,
    onChange({ config, changes }) {
      log.info("configChanged", { changes });
      faults.clear("config-broken");
      if (needsRestart(changes)) return restart(config);
      if (changes.includes("stateDirectory")) log.warn("changeIgnored", { change: "stateDirectory", until: "restart" });
      live.setLocal({ ...config, stateDirectory });
    },
    onRecovered: () => faults.clear("config-broken"),
    onProblem(error) {
      faults.add("config-broken", messageOf(error));
      log.error("configRefused", { reason: messageOf(error) });
    },
  });
}
