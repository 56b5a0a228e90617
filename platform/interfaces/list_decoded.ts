/**
 * Lists of supplies and meters, which are stored with their device: devices are gone through in the order of their keys,
 * as many as one request may look at.
 */
import { isLow, metersOf, suppliesOf } from "../devices/device_state.ts";
import { shownSupply } from "../devices/device_view.ts";
import type { Transaction } from "../store/store.ts";
import { conjuncts, type Filter, filterSql, matches, orderOf, propertiesIn, type Row, type Value } from "./filter.ts";
import {
  isLedByCustomer,
  knownSql,
  type ListPage,
  type ListWish,
  type Order,
  pageOfCustomers,
  TooMuchWorkError,
} from "./list_entities.ts";
import { all, sourceOf, sources } from "./list_sources.ts";
import { customersOf, indexedParts, mostCustomers, mostSearched, searchedOf } from "./narrow_scope.ts";

/* What one request looks at of what is stored with its device, and what it sorts or counts of it. */
const lot = 500, mostLooked = 5000, mostSorted = 20_000;

interface DecodedDevice extends Record<string, Value | Uint8Array> {
  customer: string;
  device: string;
}

/** Of a position: behind every device of the customer. */
const behindAll = "\uffff";

/** Some devices in the order of their keys, with their rows. */
interface Lot {
  devices: { customer: string; device: string; rows: Row[] }[];
  /** There are no more. */
  isOver: boolean;
  /** There are no more of this customer. */
  endOf?: string | undefined;
}

export async function decodedList(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { order = [], skip = 0, withCount, after, limit } = wish;
  const count = withCount ? (await allRows(tx, wish, now)).length : undefined;
  if (limit === 0) return { rows: [], next: undefined, count };
  if (order.length === 0) return { ...await decodedPage(tx, wish, now), count };
  const isNumbered = after === undefined ? skip > 0 : typeof after[0] === "number";
  const page = isLedByCustomer(order) && !isNumbered
    ? await pageOfCustomers(tx, wish, { pageOf: (own) => sortedPage(tx, own, now) })
    : await sortedPage(tx, wish, now);
  return { ...page, count };
}

/* A position is the device, how many of its rows are done, and how many rows are still to be left out. */
async function decodedPage(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { after, limit } = wish, rows: Row[] = [];
  const [customer = "", device = "", done = 0] = (after ?? []) as [string?, string?, number?];
  let skip = Number(after?.[3] ?? wish.skip ?? 0), at: Value[] | undefined, isOver = true;
  for await (const lot of lotsOf(tx, wish, { now, most: mostLooked, from: { customer, device } })) {
    isOver = lot.isOver;
    for (const each of lot.devices) {
      const before = each.customer === customer && each.device === device ? done : 0;
      const left = each.rows.slice(before);
      if (left.length > 0 && rows.length === limit) return { rows, next: at, count: undefined };
      const skipped = Math.min(skip, left.length), taken = left.slice(skipped, skipped + limit - rows.length);
      skip -= skipped;
      rows.push(...taken);
      at = [each.customer, each.device, before + skipped + taken.length, skip];
      if (skipped + taken.length < left.length) return { rows, next: at, count: undefined };
    }
    if (lot.endOf !== undefined) at = [lot.endOf, behindAll, 0, skip];
    if (rows.length === limit) break;
  }
  return { rows, next: isOver ? undefined : at, count: undefined };
}

/* All rows are read for each page; the position is their number. */
async function sortedPage(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { order = [], after, skip = 0, limit } = wish, rows = await allRows(tx, wish, now);
  rows.sort((a, b) => compareRows(order, a, b));
  const from = Number(after?.[0] ?? 0) + skip;
  const next = from + limit < rows.length ? [from + limit] : undefined;
  return { rows: rows.slice(from, from + limit), next, count: undefined };
}

/** Throws TooMuchWorkError. */
async function allRows(tx: Transaction, wish: ListWish, now: number): Promise<Row[]> {
  const all: Row[] = [];
  let isOver = true;
  for await (const lot of lotsOf(tx, wish, { now, most: mostSorted })) {
    isOver = lot.isOver;
    for (const { rows } of lot.devices) all.push(...rows);
  }
  if (isOver) return all;
  throw new TooMuchWorkError(`Cannot sort or count ${wish.entity} of more than ${mostSorted} devices`);
}

function compareRows(order: readonly Order[], a: Row, b: Row): number {
  for (const { property, isDescending } of order) {
    const result = orderOf(a[property] ?? null, b[property] ?? null);
    if (result !== 0) return isDescending ? -result : result;
  }
  return 0;
}

interface Looking {
  now: number;
  /** Devices to look at. */
  most: number;
  from?: { customer: string; device: string };
}

/** From a device on, until `most` were looked at; customer after customer, as an index has them. */
async function* lotsOf(tx: Transaction, wish: ListWish, { now, most, from }: Looking): AsyncGenerator<Lot> {
  // One that was left behind would be searched again, and with it all that this request may search.
  const customers = (await customersOf(tx, wish.scope, from?.customer ?? ""))
    .filter(({ customerId }) => from?.device !== behindAll || customerId !== from.customer);
  const sizes = most === mostLooked ? await searchedOf(tx, wish, customers) : new Map<string, number>();
  let looked = 0, searched = 0;
  for (const [i, customer] of customers.entries()) {
    searched += sizes.get(customer.customerId) ?? 0;
    if (i > 0 && searched > mostSearched) return;
    const isLast = i === customers.length - 1, isFirst = customer.customerId === from?.customer;
    const own = { ...wish, scope: { customers: [customer] } };
    const start = isFirst ? from : { customer: customer.customerId, device: "" };
    for await (const lot of lotsOfOne(tx, own, { now, most: most - looked, from: start })) {
      looked += lot.devices.length;
      yield {
        devices: lot.devices,
        isOver: lot.isOver && isLast,
        endOf: lot.isOver ? customer.customerId : undefined,
      };
    }
    if (looked >= most || (i >= mostCustomers && most === mostLooked)) return;
  }
}

async function* lotsOfOne(tx: Transaction, wish: ListWish, { now, most, from }: Looking): AsyncGenerator<Lot> {
  const entity = wish.entity as "supplies" | "meters";
  const { from: tables, key, where: ofRows } = sources[entity], known = knownSql(entity);
  const { queries, parameters, where } = sourceOf(tx, { scope: wish.scope, customer: key[0], now });
  // What only concerns the device is decided by the database.
  const parts = Map.groupBy(
    conjuncts(wish.filter),
    (part) => propertiesIn(part).every((name) => name in known) ? "device" : "row",
  );
  for (const part of parts.get("device") ?? []) {
    where.push(filterSql(part, { engine: tx.engine, properties: known, parameters }));
  }
  const rest: Filter = { kind: "and", of: parts.get("row") ?? [] };
  where.push(
    ofRows,
    `s.${entity} IS NOT NULL`,
    ...indexedParts(entity, wish.filter, { engine: tx.engine, scope: wish.scope, parameters }),
  );
  const columns = Object.entries(known).map(([name, { sql }]) => `${sql} AS "${name}"`).join(", ");
  let { customer, device } = from ?? { customer: "", device: "" };
  for (let looked = 0; looked < most; looked += lot) {
    const found = await all<DecodedDevice>(
      queries,
      `SELECT ${columns}, d.customer_id AS customer, d.device_id AS device, s.${entity} AS part, s.${entity}_at AS part_at
       FROM ${tables} WHERE ${where.join(" AND ")}
         AND (d.customer_id, d.device_id) ${looked === 0 ? ">=" : ">"} (:from_customer, :from_device)
       ORDER BY d.customer_id, d.device_id LIMIT ${lot}`,
      { ...parameters, from_customer: customer, from_device: device },
    );
    const isOver = found.length < lot;
    yield {
      devices: found.map((row) => ({
        customer: row.customer,
        device: row.device,
        rows: partsOf(entity, row).filter((part) => matches(rest, part)),
      })),
      isOver,
    };
    if (isOver) return;
    ({ customer, device } = found.at(-1)!);
  }
}

function partsOf(entity: "supplies" | "meters", found: DecodedDevice): Row[] {
  const { customer: _customer, device: _device, part, part_at, ...device } = found;
  const ofDevice = device as Row, readAt = part_at as number;
  if (entity === "meters") {
    return metersOf({ meters: part as Uint8Array }).map(({ name, value, unit }) => ({
      ...ofDevice,
      name,
      value,
      unit,
      readAt,
    }));
  }
  return suppliesOf({ supplies: part as Uint8Array }).map((supply) => {
    const { index, name, kind, colorant, description, partNumber, serial, level } = shownSupply(supply);
    return {
      ...ofDevice,
      index,
      name,
      kind,
      colorant,
      description,
      partNumber,
      supplySerial: serial,
      levelKind: level.kind,
      percent: level.percent,
      level: level.level,
      capacity: level.capacity,
      unit: level.unit,
      low: isLow(supply),
      readAt,
    };
  });
}
