/** Keeps what a broker has to know of revoked agents that does not ask the platform: Mosquitto. */
import { ConfigError, messageOf } from "../../../common/core/errors.ts";
import { maybeText, replaceFile } from "../../../common/host/disk.ts";
import { agentReads, agentWrites, mqttTopic } from "../../../common/protocol/mqtt.ts";
import { revokedAgents, revokedCertificates } from "../../agents/certificates.ts";
import type { Platform } from "../../agents/platform.ts";
import { keptRevocationList } from "../../keys/revocation_list.ts";
import { revokedChannel } from "../../store/channels.ts";
import { createWorkLoop } from "./work_loop.ts";

const lookEveryMs = 3_600_000;

/** Keeps the list of revoked certificates up to date until disposed of. Throws ConfigError if it cannot be written. */
export function keepRevocationList(platform: Platform, file: string): Promise<AsyncDisposable> {
  return keepFile(platform, {
    file,
    name: "list of revoked certificates",
    option: "--mqtt-crl",
    failed: "mqttCrlFailed",
    update: updateList,
  });
}

/** As `keepRevocationList` for the access list, as Mosquitto's WebSockets know no list of certificates. */
export function keepAccessList(platform: Platform, file: string): Promise<AsyncDisposable> {
  return keepFile(platform, {
    file,
    name: "access list",
    option: "--mqtt-acl",
    failed: "mqttAclFailed",
    update: updateAccess,
  });
}

async function keepFile(
  platform: Platform,
  { file, name, option, failed, update }: {
    file: string;
    name: string;
    option: string;
    failed: "mqttCrlFailed" | "mqttAclFailed";
    update(platform: Platform, file: string): Promise<void>;
  },
): Promise<AsyncDisposable> {
  const { log, store } = platform;
  let isDue = false;
  const loop = createWorkLoop({
    steps: [async () => {
      if (!isDue) return;
      isDue = false;
      try {
        await update(platform, file);
      } catch (error) {
        isDue = true;
        throw error;
      }
    }],
    hasWork: () => isDue,
    failed: (error) => log(failed, { file, message: messageOf(error) }),
  });
  let isStarted = false;
  const look = () => {
    isDue = true;
    if (isStarted) loop.soon();
  };
  // First, so that no revocation is missed.
  const stopListening = store.listen(revokedChannel, look);
  try {
    await update(platform, file);
  } catch (error) {
    stopListening();
    throw new ConfigError(
      `Cannot write the ${name} "${file}": ${messageOf(error)}`,
      `name with ${option} a file in a folder that the platform's user may write to`,
      { cause: error },
    );
  }
  isStarted = true;
  if (isDue) loop.soon();
  const timer = setInterval(look, lookEveryMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stopListening();
      await loop.stop();
    },
  };
}

async function updateList({ store, clock, agentAuthority, log }: Platform, file: string): Promise<void> {
  const now = clock.now();
  const revoked = await store.transaction((tx) => revokedCertificates(tx, now), { readOnly: true });
  if (!await keptRevocationList(file, { authority: agentAuthority, revoked, now })) return;
  log("mqttCrlWritten", { file, revoked: revoked.length });
}

const accessHead = "# Of opendca-platform serve --mqtt-acl, which writes it again.";

async function updateAccess({ store, clock, log }: Platform, file: string): Promise<void> {
  const now = clock.now();
  const revoked = await store.transaction((tx) => revokedAgents(tx, now), { readOnly: true });
  const known = maybeText(file), text = accessList(revoked);
  if (known === text) return;
  // A slip in the option must not destroy another file.
  if (known !== undefined && known.trim() !== "" && !known.startsWith(accessHead)) {
    throw new Error("The file is of another kind, and is not replaced");
  }
  replaceFile(file, text, { durable: true, mode: 0o644 });
  log("mqttAclWritten", { file, revoked: revoked.length });
}

/** `acl_file` of Mosquitto: what is denied comes before what is allowed. */
function accessList(revoked: readonly string[]): string {
  const allowed = [
    ...agentReads.map((kind) => `pattern read ${mqttTopic("%u", kind)}`),
    ...agentWrites.map((kind) => `pattern write ${mqttTopic("%u", kind)}`),
  ];
  const denied = revoked.flatMap((agentId) => ["", `user ${agentId}`, "topic deny #"]);
  return [accessHead, ...allowed, ...denied, ""].join("\n");
}
