/**
 * Where the data of an installation is stored. It is stated once, with the first `serve --region`, and from then on a
 * server that says otherwise does not start. An operator of PostgreSQL can also state it in the database itself, where
 * only the owner of the database can change it: `ALTER DATABASE opendca SET opendca.region = 'eu'`.
 */
import { ConfigError, UsageError } from "../../common/core/errors.ts";
import { type Base, type By, readPlatform } from "../audit/use_case.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { takeLock, type Transaction } from "../store/store.ts";

const regionForm = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

/** Such as `eu` or `eu-central-1`, in lower case. Throws UsageError. */
export function checkedRegion(text: string): string {
  const region = text.trim().toLowerCase();
  if (regionForm.test(region) && region.length <= 40) return region;
  throw new UsageError(`Cannot take "${text}" as a region`, "name it such as eu or eu-central-1");
}

/** What the database says, by itself and by what was stated in it before. */
async function regionsOf(tx: Transaction): Promise<{ stated: string | undefined; ofDatabase: string | undefined }> {
  const row = await tx.get<{ value: string }>("SELECT value FROM installation WHERE what = 'region'");
  const own = tx.engine === "postgres"
    ? await tx.get<{ region: string | null }>("SELECT current_setting('opendca.region', true) AS region")
    : undefined;
  return { stated: row?.value, ofDatabase: own?.region?.toLowerCase() || undefined };
}

/**
 * Run before anything listens: states the region, if one is given for the first time. Throws ConfigError if the database
 * says another one.
 */
export function stateRegion({ store, clock }: Base, by: By, region: string | undefined): Promise<string | undefined> {
  return store.transaction(async (tx) => {
    await takeLock(tx, "region");
    const { stated, ofDatabase } = await regionsOf(tx);
    if (stated !== undefined && ofDatabase !== undefined && stated !== ofDatabase) {
      throw new ConfigError(
        `Cannot serve as the database is in the region "${ofDatabase}", and its content says "${stated}"`,
        "use the database that belongs to this installation, or state the region again: opendca-platform region move",
      );
    }
    const known = stated ?? ofDatabase;
    if (region !== undefined && known !== undefined && known !== region) {
      throw new ConfigError(
        `Cannot serve as region "${region}" as the database says "${known}"`,
        "use the database of this region, or the right --region",
      );
    }
    const is = region ?? known;
    if (is === undefined || stated !== undefined) return is;
    await write(tx, is, clock.now());
    await appendAudit(tx, {
      at: clock.now(),
      customerId: null,
      actor: by.actor,
      action: "regionStated",
      subject: is,
    });
    return is;
  });
}

/** After the data was moved. Throws UsageError if nothing was stated, or the database itself says otherwise. */
export function moveRegion(
  { store, clock }: Base,
  by: By,
  { region, reason }: { region: string; reason: string },
): Promise<{ from: string; region: string }> {
  return store.transaction(async (tx) => {
    await takeLock(tx, "region");
    const { stated, ofDatabase } = await regionsOf(tx);
    if (stated === undefined) {
      throw new UsageError("Cannot move the region as none was stated", "state it: opendca-platform serve --region");
    }
    if (ofDatabase !== undefined && ofDatabase !== region) {
      throw new UsageError(`Cannot state the region "${region}" as the database itself says "${ofDatabase}"`);
    }
    const at = clock.now();
    await write(tx, region, at);
    await appendAudit(tx, {
      at,
      customerId: null,
      actor: by.actor,
      action: "regionMoved",
      subject: region,
      detail: { from: stated, reason },
    });
    return { from: stated, region };
  });
}

export function readRegion(platform: Base, by: By): Promise<string | undefined> {
  return readPlatform(platform, by, async (tx) => {
    const { stated, ofDatabase } = await regionsOf(tx);
    return stated ?? ofDatabase;
  });
}

async function write(tx: Transaction, value: string, at: Date): Promise<void> {
  await tx.run(
    `INSERT INTO installation (what, value, since) VALUES ('region', :value, :at)
     ON CONFLICT (what) DO UPDATE SET value = :value, since = :at`,
    { value, at: at.getTime() },
  );
}
