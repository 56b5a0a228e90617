/** Failed activation attempts by installation, which belongs to no customer until one succeeds. */
import type { Store } from "./store.ts";

/* An attacker makes up installation ids; rows that nobody comes back to are dropped. */
const forgetAfterMs = 90 * 86_400_000;

export function failedAttemptsOf(store: Store, installationId: string): number {
  const row = store.platformWide.get<{ failed_attempts: number }>(
    "SELECT failed_attempts FROM installations WHERE installation_id = :installation_id",
    { installation_id: installationId },
  );
  return row?.failed_attempts ?? 0;
}

export function countFailedInstallation(store: Store, options: { installationId: string; at: Date }): void {
  const at = options.at.getTime();
  store.platformWide.run("DELETE FROM installations WHERE last_at < :before", { before: at - forgetAfterMs });
  store.platformWide.run(
    `INSERT INTO installations (installation_id, failed_attempts, last_at) VALUES (:installation_id, 1, :at)
     ON CONFLICT (installation_id) DO UPDATE SET failed_attempts = failed_attempts + 1, last_at = :at`,
    { installation_id: options.installationId, at },
  );
}

export function forgetFailedAttempts(store: Store, installationId: string): void {
  store.platformWide.run("DELETE FROM installations WHERE installation_id = :installation_id", {
    installation_id: installationId,
  });
}
