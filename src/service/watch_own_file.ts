/** Watches the machine's own configuration, which its administrator may change at any time. */
import { messageOf } from "../../common/core/errors.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { type ConfigWatch, watchConfig } from "../config/watch_config.ts";
import type { Logger } from "../log/logger.ts";
import type { AgentMachine, CommonMachine } from "./agent_machine.ts";
import type { FaultList } from "./fault_list.ts";
import { type LiveConfig, needsRestart } from "./live_config.ts";

export interface OwnFileParts {
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
