/** Keeps the list of revoked certificates for a broker that does not ask the platform. */
import { ConfigError, messageOf } from "../../../common/core/errors.ts";
import { revokedCertificates } from "../../agents/certificates.ts";
import type { Platform } from "../../agents/platform.ts";
import { keptRevocationList } from "../../keys/revocation_list.ts";
import { revokedChannel } from "../../store/channels.ts";
import { createWorkLoop } from "./work_loop.ts";

const lookEveryMs = 3_600_000;

/** Keeps the file up to date until disposed of. Throws ConfigError if it cannot be written. */
export async function keepRevocationList(platform: Platform, file: string): Promise<AsyncDisposable> {
  const { log, store } = platform;
  let isDue = false;
  const loop = createWorkLoop({
    steps: [async () => {
      if (!isDue) return;
      isDue = false;
      try {
        await updateList(platform, file);
      } catch (error) {
        isDue = true;
        throw error;
      }
    }],
    hasWork: () => isDue,
    failed: (error) => log("mqttCrlFailed", { file, message: messageOf(error) }),
  });
  let isStarted = false;
  const look = () => {
    isDue = true;
    if (isStarted) loop.soon();
  };
  // First, so that no revocation is missed.
  const stopListening = store.listen(revokedChannel, look);
  try {
    await updateList(platform, file);
  } catch (error) {
    stopListening();
    throw new ConfigError(
      `Cannot write the list of revoked certificates "${file}": ${messageOf(error)}`,
      "name with --mqtt-crl a file in a folder that the platform's user may write to",
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
