/** Parts of a counter that a person has set, because the readings are wrong. */
import { UsageError } from "../../common/core/errors.ts";
import { type Base, changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { actorText } from "../audit/audit_log.ts";
import { deviceOf } from "../devices/show_device.ts";
import { newId } from "../store/new_id.ts";
import type { Tenant } from "../store/store.ts";
import type { Correction } from "./count_pages.ts";

export interface CorrectionRow {
  correction_id: string;
  /** The common id of a merged device. */
  device_id: string;
  meter: string;
  from_at: number;
  until_at: number;
  pages: number;
  reason: string;
  made_at: number;
  made_by: string;
  undone_at: number | null;
  undone_by: string | null;
  undone_reason: string | null;
}

export interface NewCorrection {
  /** Id, address, serial number or host name. */
  device: string;
  meter: string;
  from: Date;
  until: Date;
  pages: number;
  reason: string;
}

const mostPages = 1e12;

/** In place of what was read after `from` and up to `until`, these pages count. Throws UsageError. */
export function correctMeter(platform: Base, by: TenantBy, wanted: NewCorrection): Promise<CorrectionRow> {
  return changeTenant(platform, by, async (tenant, at) => {
    const row = await checkedCorrection(tenant, wanted, { at, by });
    await tenant.run(
      `INSERT INTO meter_corrections (customer_id, correction_id, device_id, meter, from_at, until_at, pages, reason,
         made_at, made_by)
       VALUES (:customer, :correction_id, :device_id, :meter, :from_at, :until_at, :pages, :reason, :made_at, :made_by)`,
      { ...row },
    );
    const { meter, pages, reason } = row;
    return {
      answer: { ...row, undone_at: null, undone_by: null, undone_reason: null },
      audit: {
        action: "meterCorrected",
        subject: row.device_id,
        detail: {
          correction: row.correction_id,
          meter,
          pages,
          reason,
          from: wanted.from.toISOString(),
          until: wanted.until.toISOString(),
        },
      },
    };
  });
}

async function checkedCorrection(
  tenant: Tenant,
  { device, meter, from, until, pages, reason }: NewCorrection,
  { at, by }: { at: Date; by: TenantBy },
) {
  const text = reason.trim();
  if (text === "" || text.length > 200 || /\p{Cc}/u.test(text)) {
    throw new UsageError("Cannot correct a meter without a reason of 1 to 200 characters");
  }
  if (!Number.isFinite(pages) || pages < 0 || pages > mostPages) {
    throw new UsageError(`Cannot correct a meter to "${pages}" pages: it is a number from 0 to ${mostPages}`);
  }
  if (from >= until) throw new UsageError("Cannot correct a part of a meter that ends before it begins");
  if (until > at) throw new UsageError("Cannot correct a part of a meter that ends in the future");
  const { deviceId, parts } = await deviceOf(tenant, device);
  const [fromAt, untilAt] = [from.getTime(), until.getTime()];
  const others = (await correctionRows(tenant, { open: true })).filter((row) =>
    row.device_id === deviceId && row.meter === meter && row.from_at < untilAt && fromAt < row.until_at
  );
  if (others.length > 0) {
    throw new UsageError(
      `Cannot correct this part of the meter as ${others[0]!.correction_id} corrects some of it`,
      `opendca-platform billing undo ${others[0]!.correction_id} takes that back`,
    );
  }
  const known = await tenant.allOf(
    `SELECT name FROM samples WHERE customer_id = :customer AND device_id = :device_id AND kind = 'meter' AND name = :meter
     LIMIT 1`,
    parts.map(({ device_id }) => ({ device_id, meter })),
  );
  if (known.length === 0) {
    throw new UsageError(
      `Cannot correct the meter "${meter}" as the device has none of that name`,
      `opendca-platform meter list ${deviceId} shows them`,
    );
  }
  return {
    correction_id: newId("cor"),
    device_id: deviceId,
    meter,
    from_at: fromAt,
    until_at: untilAt,
    pages,
    reason: text,
    made_at: at.getTime(),
    made_by: actorText(by.actor),
  };
}

/** Throws UsageError if there is none, or if it was undone before. */
export function undoCorrection(
  platform: Base,
  by: TenantBy,
  { correctionId, reason }: { correctionId: string; reason?: string | undefined },
): Promise<CorrectionRow> {
  return changeTenant(platform, by, async (tenant, at) => {
    const row = (await correctionRows(tenant, {})).find(({ correction_id }) => correction_id === correctionId);
    if (row === undefined) {
      throw new UsageError(
        `Cannot find the correction "${correctionId}"`,
        "opendca-platform billing corrections lists them",
      );
    }
    if (row.undone_at !== null) throw new UsageError(`Cannot undo ${correctionId} as it was undone before`);
    const undone = { undone_at: at.getTime(), undone_by: actorText(by.actor), undone_reason: reason?.trim() || null };
    await tenant.run(
      `UPDATE meter_corrections SET undone_at = :undone_at, undone_by = :undone_by, undone_reason = :undone_reason
       WHERE customer_id = :customer AND correction_id = :correction_id`,
      { ...undone, correction_id: correctionId },
    );
    const detail = { correction: correctionId, meter: row.meter, ...(reason === undefined ? {} : { reason }) };
    return {
      answer: { ...row, ...undone },
      audit: { action: "meterCorrectionUndone", subject: row.device_id, detail },
    };
  });
}

/** Newest first. */
export function listCorrections(platform: Base, by: TenantBy): Promise<CorrectionRow[]> {
  return readTenant(platform, by, (tenant) => correctionRows(tenant, {}));
}

export function correctionRows(tenant: Tenant, { open = false }: { open?: boolean }): Promise<CorrectionRow[]> {
  return tenant.all(
    `SELECT correction_id, device_id, meter, from_at, until_at, pages, reason, made_at, made_by, undone_at, undone_by,
       undone_reason
     FROM meter_corrections WHERE customer_id = :customer${open ? " AND undone_at IS NULL" : ""}
     ORDER BY made_at DESC, correction_id`,
  );
}

export function correctionOf(row: CorrectionRow): Correction {
  const { correction_id: correctionId, from_at: from, until_at: until, pages, reason, made_by: by } = row;
  return { correctionId, from, until, pages, reason, by };
}
