/** For which devices the gateway may use TLS that is not safe: printers that speak nothing else. */
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { deviceOf } from "../devices/show_device.ts";
import type { Tenant } from "../store/store.ts";

/** Whether `device_id` is the device `:device_id` or one that is merged with it: a merge moves no rows. */
export const isOfDevice = `(device_id = :device_id OR device_id IN (
  SELECT part.device_id FROM devices part JOIN devices asked ON asked.customer_id = part.customer_id
  WHERE part.customer_id = :customer AND asked.device_id = :device_id AND part.merged_into = asked.merged_into))`;

/** Permits or refuses it for a device, in the form of `device show`. Throws UsageError if there is no such device. */
export function setLegacyTls(
  platform: Platform,
  by: TenantBy,
  { device, isAllowed }: { device: string; isAllowed: boolean },
): Promise<{ deviceId: string; allowed: boolean }> {
  return changeTenant(platform, by, async (tenant, at) => {
    const { deviceId } = await deviceOf(tenant, device);
    await tenant.run(
      `DELETE FROM access_legacy_tls WHERE customer_id = :customer AND ${isOfDevice}`,
      { device_id: deviceId },
    );
    if (isAllowed) {
      await tenant.run(
        `INSERT INTO access_legacy_tls (customer_id, device_id, allowed_by, allowed_at)
         VALUES (:customer, :device_id, :allowed_by, :at)`,
        { device_id: deviceId, allowed_by: actorText(by.actor), at: at.getTime() },
      );
    }
    const action = isAllowed ? "accessLegacyTlsAllowed" : "accessLegacyTlsRefused";
    return { answer: { deviceId, allowed: isAllowed }, audit: { action, subject: deviceId } };
  });
}

/** Throws UsageError if there is no such device. */
export function showLegacyTls(
  platform: Platform,
  by: TenantBy,
  { device }: { device: string },
): Promise<{ deviceId: string; allowed: boolean }> {
  return readTenant(platform, by, async (tenant) => {
    const { deviceId } = await deviceOf(tenant, device);
    return { deviceId, allowed: await allowsLegacyTls(tenant, deviceId) };
  });
}

export async function allowsLegacyTls(tenant: Tenant, deviceId: string): Promise<boolean> {
  const row = await tenant.get(
    `SELECT 1 FROM access_legacy_tls WHERE customer_id = :customer AND ${isOfDevice} LIMIT 1`,
    { device_id: deviceId },
  );
  return row !== undefined;
}
