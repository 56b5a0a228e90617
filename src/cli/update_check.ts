/** `opendca update --check`: asks the platform what it offers, and says what would become of it. Changes nothing. */
import { isLocked, lockedError } from "../activation/activation_state.ts";
import { foreignError, judgeState, type StateStoreOptions } from "../activation/state_store.ts";
import { activationStore } from "../activation/store_options.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { messageOf, NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import { visibleText } from "../../common/core/safe_text.ts";
import { isDenied } from "../../common/core/system_error.ts";
import { hanging } from "../../common/core/terminal_text.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import { tryRead } from "../../common/host/disk.ts";
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import type { AgentApi } from "../link/agent_api.ts";
import { type ClientIdentity, identityFiles } from "../link/identity_files.ts";
import { TransportError } from "../link/transport_error.ts";
import { openLedger } from "../store/ledger.ts";
import { checkOffer, type OfferVerdict } from "../update/check_offer.ts";
import { installationOf, targetOf } from "../update/installation.ts";
import { maybeRootState, rootFolders } from "../update/update_files.ts";
import { effectiveConfig } from "./effective_config.ts";
import type { Host } from "./host.ts";
import { version } from "./version.ts";

/** Exit codes. */
export const updateCheckCodes = { none: 0, installs: 10, never: 11 } as const;

/** UNIMPLEMENTED of google.rpc.Code. */
const unimplemented = 12;

const hasGrpcCode = (error: unknown): error is { code: number } =>
  error instanceof Error && "code" in error && typeof error.code === "number";

interface Asked {
  store: StateStoreOptions;
  config: AgentConfig;
  identity: ClientIdentity;
  target: string;
}

/** Prints the verdict, and returns the exit code. */
export async function checkForUpdate(
  { json, config: option }: { json?: boolean; config?: string },
  host: Host,
  keys: ReleaseKeys | undefined,
): Promise<number> {
  const { config } = await effectiveConfig(option, host);
  const { updateDisk: disk, facts } = host.agentMachine();
  const store = activationStore(config.stateDirectory, host.env);
  const { identity, installationId } = await activated(store, host.clock.now());
  const { target: own, why: cannot } = installationOf({
    executable: host.executable?.(),
    version,
    keys,
    ...facts,
    stateDirectory: config.stateDirectory,
    exists: (path) => disk.size(path) !== undefined,
  });
  const target = own || targetOf(facts);
  const { update, serverTime } = await ask({ store, config, identity, target }, host);
  const now = host.clock.now(), platformNow = serverTime ?? now;
  const state = maybeRootState(tryRead(disk, `${rootFolders.state}/state.json`) ?? "");
  const offered = update === undefined ? null : checkOffer(update.manifest, {
    keys,
    policy: { ...config.policy.update, allowed: config.policy.features.update },
    installed: { product: "opendca", target, version, highestVersion: state?.highestVersion ?? version },
    installationId,
    now: { clocks: [now, platformNow], newestIssuedAt: state?.newestIssuedAt ?? null },
    state,
    cannot,
    nowMs: platformNow.getTime(),
  });
  await host.stdout.write(
    json === true ? `${visibleJson({ version, target, offered }, 2)}\n` : verdictText({ target, offered }, host),
  );
  if (offered === null) return updateCheckCodes.none;
  return offered.installs === "never" ? updateCheckCodes.never : updateCheckCodes.installs;
}

/** Throws `NotPermittedError` for an agent that has no certificate to ask with. */
async function activated(
  store: StateStoreOptions,
  now: Date,
): Promise<{ identity: ClientIdentity; installationId: string }> {
  const refused = (why: string, hint: string) =>
    new NotPermittedError(`Cannot ask the platform for updates as ${why}`, hint);
  try {
    const verdict = judgeState(store);
    if (verdict.kind === "foreign") throw foreignError(store.stateDirectory, verdict);
    const state = verdict.kind === "known" ? verdict.record.state : undefined;
    if (state !== undefined && isLocked(state)) throw lockedError(state);
    if (state?.phase === "revoked") {
      throw refused("this agent was revoked", "ask for a new activation code; then: opendca activate CODE");
    }
    const identity = state?.phase === "activated"
      ? await identityFiles(store.disk, store.stateDirectory).read()
      : undefined;
    if (identity === undefined) throw refused("this agent is not activated", "opendca activate CODE");
    const { notAfter } = identity.facts;
    if (notAfter < now) {
      throw refused(
        `its certificate expired at ${notAfter.toISOString()}`,
        "ask for a new activation code; then: opendca activate CODE; if that is in the future, set the clock",
      );
    }
    return { identity, installationId: state!.installationId };
  } catch (error) {
    if (!isDenied(error)) throw error;
    throw refused(
      `this user may not read the activation: ${messageOf(error)}`,
      "run as the agent's user, or as root: sudo opendca update --check",
    );
  }
}

async function ask({ store, config, identity, target }: Asked, host: Host): ReturnType<AgentApi["checkUpdate"]> {
  const { createGrpcAgentApi } = await import("../link/grpc_agent_api.ts");
  const { ledgeredApi } = await import("../link/ledgered_api.ts");
  using grpc = createGrpcAgentApi({
    ...config.platform,
    trust: config.platform,
    proxy: config.proxy,
    clock: host.clock,
    callTimeoutMs: 15_000,
  });
  grpc.useCertificate({ ...identity, notAfter: identity.facts.notAfter });
  let unwritten: unknown;
  const api = ledgeredApi(grpc, {
    ledger: {
      append(entry) {
        using ledger = openLedger(`${store.stateDirectory}/ledger.db`);
        return ledger.append(entry);
      },
    },
    clock: host.clock,
    onLost: (error) => unwritten = error,
  });
  try {
    return await api.checkUpdate({ agentVersion: version, target });
  } catch (error) {
    const code = error instanceof TransportError && hasGrpcCode(error.cause) ? error.cause.code : undefined;
    if (code !== unimplemented) throw error;
    throw new UnavailableError(
      "Cannot ask the platform for updates as it is older than this agent, and does not know the question",
      "opendca update shows what its last poll offered; or upgrade the platform",
    );
  } finally {
    if (unwritten !== undefined) {
      await host.stderr.write(`warning: the ledger entry could not be written: ${messageOf(unwritten)}\n`);
    }
  }
}

function verdictText({ target, offered }: { target: string; offered: OfferVerdict | null }, host: Host): string {
  const rows: [string, string][] = [["version", `${version} for ${target}`]];
  if (offered === null) {
    rows.push(["offered", "nothing newer"]);
  } else {
    const { signatures: { valid, keys, why }, expiresAt } = offered;
    rows.push(["offered", offered.version === "" ? "a release that cannot be trusted" : offered.version]);
    rows.push(["signed", valid ? `by the release keys ${keys.join(", ")}, valid until ${expiresAt}` : `no: ${why}`]);
    rows.push(["then", offered.message]);
  }
  const width = host.stdout.isTerminal ? host.stdout.columns() : Infinity;
  return rows.map(([name, text]) => `${hanging(visibleText(`${name.padEnd(9)} ${text}`), { indent: 10, width })}\n`)
    .join("");
}
