/** `opendca activate`: activates the agent with a code. */
import type { Command } from "commander";
import { machineFingerprint } from "../activation/machine_identity.ts";
import { readCode } from "../activation/prompt_code.ts";
import { activationStore } from "../activation/store_options.ts";
import { builtInUnlockKeys } from "../activation/unlock_keys.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { configPath } from "../config/config_path.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { messageOf } from "../../common/core/errors.ts";
import { storedPlatformConfigName } from "../config/stored_platform_config.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { openLedger } from "../store/ledger.ts";
import type { Host } from "./host.ts";
import { version } from "./version.ts";

const examples = `
Without a code it asks for one, or reads one line from standard input. The code is never shown. Typing errors
and an unreachable platform are not attempts. Five refused codes lock this installation.

Examples:
  opendca activate
  opendca activate 0EY9-M29P-1G7W --config agent.yaml
  opendca activate < code.txt

Exit codes: 0 activated, 64 typing error, 69 the platform cannot be reached, 77 refused or locked, 78 bad configuration.
`;

/** Adds the command to the program. */
export function addActivateCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  program.command("activate").description("activate this agent with a code of the platform")
    .argument("[code]", "the code; safer typed or piped, as other users can see arguments")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addHelpText("after", examples)
    .action(async (given: string | undefined, options: { config?: string }) => {
      const config = await readAgentConfig(configPath(options.config, host.env), host);
      const code = given ?? await readCode(host.stdin, (text) => host.stderr.write(text));
      setExitCode(code === undefined ? 130 : await runActivate(code, config, host));
    });
}

async function runActivate(code: string, config: AgentConfig, host: Host): Promise<number> {
  const store = activationStore(config.stateDirectory, host.env);
  // A build with its own keys ignores the file's keys: an attacker could write the file before the first attempt.
  const unlockKeys = builtInUnlockKeys.length > 0 ? builtInUnlockKeys : config.platform.unlockKeys;
  if (unlockKeys.length === 0) {
    await host.stderr.write(
      "warning: no unlock key is known; once locked after 5 refused codes, this installation cannot be unlocked\n" +
        "hint: set platform.unlockKey in agent.yaml first; the platform's operator has it: opendca-platform unlock-key\n",
    );
  }
  const stop = new AbortController();
  const stopListening = host.onInterrupt(() => stop.abort(new Error("The activation was interrupted")));
  // gRPC and certificates are loaded only where they are used, so that `scan` starts at once.
  const { activate } = await import("../activation/activate.ts");
  const { createGrpcAgentApi } = await import("../link/grpc_agent_api.ts");
  const { ledgeredApi } = await import("../link/ledgered_api.ts");
  const { askPlatform, isRefusal } = await import("../link/ask_platform.ts");
  const way = { ...config.platform, trust: config.platform, proxy: config.proxy, clock: host.clock };
  using grpc = createGrpcAgentApi(way);
  let unwritten: unknown;
  const api = ledgeredApi(grpc, {
    // Opened at the first write: the attempt itself creates the state directory.
    ledger: {
      append(entry) {
        using ledger = openLedger(`${config.stateDirectory}/ledger.db`);
        return ledger.append(entry);
      },
    },
    clock: host.clock,
    onLost: (error) => unwritten = error,
  });
  const machine = host.agentMachine();
  const { hostname, os, arch } = machine.facts;
  try {
    const result = await activate(code, {
      store,
      api,
      agentVersion: version,
      machine: { hostname, os, arch, fingerprint: machineFingerprint(store.machineIdentity) },
      unlockKeys,
      now: () => host.clock.now(),
      isRefused: async (identity) => isRefusal(await askPlatform(identity, way)),
      signal: stop.signal,
    });
    // Removes the platform's configuration of an earlier agent: for a new agent without one, the platform sends
    // nothing.
    await machine.replaceTextFile(`${store.stateDirectory}/${storedPlatformConfigName}`, "{}\n");
    const place = [result.customer, result.site].filter((name) => name !== "").join(", ");
    const ends = result.notAfter.toISOString().slice(0, 10);
    const who = `${result.agentId}${place === "" ? "" : ` for ${place}`}`;
    await host.stdout.write(`${safeText(`activated as ${who}; the certificate ends on ${ends} and renews itself`)}\n`);
    return 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    await host.stderr.write(
      "interrupted: if the code was sent, this counts as an attempt; the same code continues it\n",
    );
    return 130;
  } finally {
    stopListening();
    if (unwritten !== undefined) {
      await host.stderr.write(`warning: the ledger entry could not be written: ${messageOf(unwritten)}\n`);
    }
  }
}
