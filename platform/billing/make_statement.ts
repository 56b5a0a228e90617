/** Makes a statement: it is stored as it is, and never changes. */
import { UsageError } from "../../common/core/errors.ts";
import { createStatementHash, signedHash } from "../../common/protocol/statement_lines.ts";
import type { SigningKey } from "../../common/protocol/signature.ts";
import { actorText } from "../audit/audit_log.ts";
import { type Base, changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { siteOf } from "../customers/customers.ts";
import { deviceOf } from "../devices/show_device.ts";
import { takeLock, type Tenant } from "../store/store.ts";
import { computeRows } from "./compute_rows.ts";
import { explain } from "./explain.ts";
import { withLate } from "./late_readings.ts";
import { noteKeys, type PlatformKeys } from "./known_keys.ts";
import { type DayPeriod, periodText, timesOf } from "./period.ts";
import { type BillingSettings, settingsOf } from "./settings.ts";
import { basisOf } from "./series.ts";
import { lineOf, type StatementHead, type StatementRecord, type StatementRow, statementRow } from "./statement.ts";
import { addLines, addStatement, partKinds, statementOf, statementRecords } from "./statements.ts";
import { proofLines } from "./proofs.ts";

export interface StatementWanted extends DayPeriod {
  /** Id or name. */
  site?: string | undefined;
  /** Id, address, serial number or host name. */
  device?: string | undefined;
  /** Without them: as the customer's settings say. */
  meters?: readonly string[] | undefined;
  estimate?: boolean | undefined;
}

export interface Preview {
  head: Omit<StatementHead, "number">;
  rows: StatementRow[];
}

export type BillingPlatform = Base & PlatformKeys & { signingKey: SigningKey };
/** What a statement of now would say, by other settings if given; nothing is stored. Throws UsageError. */
export function previewStatement(
  platform: Base,
  by: TenantBy,
  wanted: StatementWanted & { settings?: BillingSettings | undefined },
): Promise<Preview> {
  return readTenant(platform, by, async (tenant) => {
    const draft = await draftOf(tenant, wanted, { at: platform.clock.now(), by, supersedes: undefined });
    return { head: draft.head, rows: draft.rows };
  });
}

/**
 * `supersede`: the number of a statement that it comes in place of. Throws UsageError, also for a period that is not over
 * or that another statement of the same devices has.
 */
export function makeStatement(
  platform: BillingPlatform,
  by: TenantBy,
  wanted: StatementWanted & { supersede?: number | undefined },
): Promise<StatementRecord> {
  return changeTenant(platform, by, async (tenant, at) => {
    await takeLock(tenant.transaction, `statements of ${tenant.customerId}`);
    await noteKeys(tenant.transaction, platform, at);
    const supersedes = wanted.supersede === undefined ? undefined : await statementOf(tenant, wanted.supersede);
    const draft = await draftOf(tenant, wanted, { at, by, supersedes });
    const { scope, rows, period } = draft;
    if (period.until > at.getTime()) {
      throw new UsageError(
        `Cannot make a statement of ${periodText(wanted)} as the period is not over`,
        "opendca-platform billing meters shows what there is so far",
      );
    }
    const all = await statementRecords(tenant);
    refuseOverlap(all, { ...period, ...scope, supersedes });
    const number = (all[0]?.number ?? 0) + 1;
    const head: StatementHead = { ...draft.head, number };
    const lines = { rows: rows.map(lineOf), ...await proofLines(tenant, rows) };
    const hash = createStatementHash();
    hash.add(lineOf(head));
    for (const kind of partKinds) for (const line of lines[kind]) hash.add(line);
    const hex = hash.hex();
    const record: StatementRecord = {
      number,
      ...scope,
      ...period,
      madeAt: at.getTime(),
      supersedes: supersedes?.number ?? null,
      supersededBy: null,
      rows: rows.length,
      head,
      hash: hex,
      signature: platform.signingKey.sign("opendca.statement.v1", signedHash(hex)),
      keyId: platform.signingKey.keyId,
      isNoted: true,
    };
    await addStatement(
      tenant,
      record,
      draft.basis ?? await basisOf(tenant, { ...period, deviceIds: draft.parts }),
    );
    for (const kind of partKinds) await addLines(tenant, { number, kind, lines: lines[kind] });
    return {
      answer: record,
      audit: {
        action: "statementMade",
        subject: `${number}`,
        detail: {
          period: periodText(wanted),
          rows: rows.length,
          hash: hex,
          ...(supersedes === undefined ? {} : { supersedes: supersedes.number }),
        },
      },
    };
  });
}

async function draftOf(
  tenant: Tenant,
  wanted: StatementWanted & { settings?: BillingSettings | undefined },
  { at, by, supersedes }: { at: Date; by: TenantBy; supersedes: StatementRecord | undefined },
) {
  const settings = wanted.settings ?? await settingsOf(tenant);
  const { fromDay, toDay } = wanted, { zone } = settings;
  const period = timesOf({ fromDay, toDay }, zone);
  const site = wanted.site === undefined ? undefined : await siteOf(tenant, wanted.site);
  const group = wanted.device === undefined ? undefined : await deviceOf(tenant, wanted.device);
  const scope = { siteId: site?.site_id ?? "", deviceId: group?.deviceId ?? "" };
  const { meters, estimate } = chosenBy(settings, wanted);
  const computed = await computeRows(tenant, {
    ...period,
    siteId: site?.site_id,
    deviceIds: group === undefined ? undefined : [group.deviceId],
    meters,
    estimate,
  });
  const all = await withLate(tenant, computed.rows.map((row, i) => statementRow(row, i + 1)), {
    ...period,
    ...scope,
    without: supersedes?.number,
  });
  const words = { language: settings.language, zone };
  const rows = all.map((row) => ({ ...row, notes: row.marks.map((mark) => explain(mark, words)) }));
  const name = await tenant.transaction.get<{ name: string }>("SELECT name FROM customers WHERE customer_id = :id", {
    id: tenant.customerId,
  });
  const head: Omit<StatementHead, "number"> = {
    form: 2,
    customer: { id: tenant.customerId, name: name!.name },
    ...(site === undefined ? {} : { site: { id: site.site_id, name: site.name } }),
    ...(group === undefined ? {} : { device: group.deviceId }),
    period: {
      fromDay,
      toDay,
      zone,
      from: new Date(period.from).toISOString(),
      until: new Date(period.until).toISOString(),
    },
    ...(meters === undefined ? {} : { meters }),
    estimate,
    madeAt: at.toISOString(),
    madeBy: actorText(by.actor),
    ...(supersedes === undefined ? {} : { supersedes: supersedes.number }),
    rows: rows.length,
  };
  return { head, rows, period, scope, basis: computed.basis, parts: group?.parts.map(({ device_id }) => device_id) };
}

function chosenBy(settings: BillingSettings, wanted: StatementWanted) {
  const meters = wanted.meters ?? settings.meters;
  return {
    meters: meters === undefined || meters.length === 0 ? undefined : meters,
    estimate: wanted.estimate ?? settings.estimate,
  };
}

function refuseOverlap(
  all: readonly StatementRecord[],
  { from, until, siteId, deviceId, supersedes }: {
    from: number;
    until: number;
    siteId: string;
    deviceId: string;
    supersedes: StatementRecord | undefined;
  },
): void {
  const same = all.filter((each) => each.siteId === siteId && each.deviceId === deviceId && each.supersededBy === null);
  if (supersedes !== undefined) {
    const { number, supersededBy } = supersedes;
    if (supersededBy !== null) {
      throw new UsageError(`Cannot supersede statement ${number} as statement ${supersededBy} did so before`);
    }
    if (!same.some((each) => each.number === number)) {
      throw new UsageError(`Cannot supersede statement ${number} as it is of other devices`);
    }
    const later = same.find((each) => each.from >= supersedes.until);
    if (later !== undefined) {
      throw new UsageError(
        `Cannot supersede statement ${number} as statement ${later.number} of a later period continues from it`,
        "the next statement bills what came late",
      );
    }
  }
  const other = same.find((each) => each.number !== supersedes?.number && each.from < until && from < each.until);
  if (other !== undefined) {
    throw new UsageError(
      `Cannot make the statement as statement ${other.number} has some of this period: ${
        periodText(other.head.period)
      }`,
      `--supersede ${other.number} makes one in place of it`,
    );
  }
}
