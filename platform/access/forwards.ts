/** Ports of the loopback of a gateway that is OpenSSH's sshd: each is one session's until some time after its end. */
import { UsageError } from "../../common/core/errors.ts";
import type { Transaction } from "../store/store.ts";

export interface ForwardRow {
  port: number;
  session_id: string;
  forward_key: Uint8Array;
}

/* By then, sshd has ended the connection of a session that is over: after `ChannelTimeout` and what follows. */
const lingerMs = 12 * 60_000;

/** A random free port, which is the session's from now on. Throws UsageError if all are in use. */
export async function claimPort(
  tx: Transaction,
  { gatewayId, firstPort, lastPort, sessionId, keyDigest, forwardKey, at, endsAt }: {
    gatewayId: string;
    firstPort: number;
    lastPort: number;
    sessionId: string;
    keyDigest: Uint8Array;
    forwardKey: Uint8Array;
    at: Date;
    endsAt: Date;
  },
): Promise<number> {
  await tx.run("DELETE FROM access_forwards WHERE free_at <= :at", { at: at.getTime() });
  const rows = await tx.all<{ port: number }>("SELECT port FROM access_forwards WHERE gateway_id = :gateway_id", {
    gateway_id: gatewayId,
  });
  const used = new Set(rows.map(({ port }) => port));
  const free = Array.from({ length: lastPort - firstPort + 1 }, (_, index) => firstPort + index)
    .filter((port) => !used.has(port));
  const row = {
    gateway_id: gatewayId,
    session_id: sessionId,
    key_digest: keyDigest,
    forward_key: forwardKey,
    free_at: endsAt.getTime() + lingerMs,
  };
  while (free.length > 0) {
    const [port] = free.splice(Math.floor(Math.random() * free.length), 1);
    const added = await tx.run(
      `INSERT INTO access_forwards (gateway_id, port, session_id, key_digest, forward_key, free_at)
       VALUES (:gateway_id, :port, :session_id, :key_digest, :forward_key, :free_at) ON CONFLICT DO NOTHING`,
      { ...row, port: port! },
    );
    // Otherwise another transaction has taken it.
    if (added === 1) return port!;
  }
  throw new UsageError(
    `Cannot open a session as all ${lastPort - firstPort + 1} ports of the gateway are in use`,
    "opendca-platform serve --sshd-ports names them",
  );
}

export function maybeForward(
  tx: Transaction,
  { gatewayId, keyDigest }: { gatewayId: string; keyDigest: Uint8Array },
): Promise<ForwardRow | undefined> {
  return tx.get<ForwardRow>(
    `SELECT port, session_id, forward_key FROM access_forwards
     WHERE gateway_id = :gateway_id AND key_digest = :key_digest`,
    { gateway_id: gatewayId, key_digest: keyDigest },
  );
}
