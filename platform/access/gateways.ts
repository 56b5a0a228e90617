/** The processes that agents can connect to for sessions. Each registers itself regularly while it runs. */
import type { Transaction } from "../store/store.ts";

export interface GatewayHost {
  host: string;
  port: number;
}

export interface Gateway {
  gatewayId: string;
  /** Tried in this order. */
  hosts: GatewayHost[];
  /** The host key in SSH encoding. */
  hostKey: Uint8Array;
  /** Domain and port where it shows pages of printers. */
  web?: string | undefined;
  /** Set if it is OpenSSH's sshd. */
  sshd?: SshdForwards | undefined;
}

/** How agents ask OpenSSH's sshd for the port of a session. */
export interface SshdForwards {
  user: string;
  /** Ports of its loopback. */
  firstPort: number;
  lastPort: number;
}

/** How often a gateway registers itself. */
export const sayEveryMs = 15_000;
/** A gateway without a registration for this time no longer exists. */
const goneAfterMs = 4 * sayEveryMs;

interface GatewayRow {
  gateway_id: string;
  hosts: string;
  host_key: Uint8Array;
  web: string | null;
  sshd: string | null;
  seen_at: number;
}

export async function sayHere(tx: Transaction, { gateway, at }: { gateway: Gateway; at: Date }): Promise<void> {
  await tx.run(
    `INSERT INTO access_gateways (gateway_id, hosts, host_key, web, sshd, seen_at)
     VALUES (:gateway_id, :hosts, :host_key, :web, :sshd, :at)
     ON CONFLICT (gateway_id) DO UPDATE SET seen_at = :at`,
    {
      gateway_id: gateway.gatewayId,
      hosts: JSON.stringify(gateway.hosts),
      host_key: gateway.hostKey,
      web: gateway.web ?? null,
      sshd: gateway.sshd === undefined ? null : JSON.stringify(gateway.sshd),
      at: at.getTime(),
    },
  );
}

export async function sayGone(tx: Transaction, gatewayId: string): Promise<void> {
  await tx.run("DELETE FROM access_gateways WHERE gateway_id = :gateway_id", { gateway_id: gatewayId });
}

/** Running gateways; the one that registered last comes first. */
export async function liveGateways(tx: Transaction, at: Date): Promise<Gateway[]> {
  const rows = await tx.all<GatewayRow>(
    "SELECT * FROM access_gateways WHERE seen_at > :since ORDER BY seen_at DESC, gateway_id",
    { since: at.getTime() - goneAfterMs },
  );
  return rows.map(({ gateway_id, hosts, host_key, web, sshd }) => ({
    gatewayId: gateway_id,
    hosts: JSON.parse(hosts),
    hostKey: host_key,
    web: web ?? undefined,
    sshd: sshd === null ? undefined : JSON.parse(sshd),
  }));
}

export async function forgetGone(tx: Transaction, at: Date): Promise<void> {
  await tx.run("DELETE FROM access_gateways WHERE seen_at <= :since", { since: at.getTime() - goneAfterMs });
}
