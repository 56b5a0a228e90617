export type SqlValue = string | number | bigint | null | Uint8Array;
export type Parameters = Record<string, SqlValue>;

export interface Queries {
  all<Row>(sql: string, parameters?: Parameters): Promise<Row[]>;
  get<Row>(sql: string, parameters?: Parameters): Promise<Row | undefined>;
  /** Number of rows that changed. */
  run(sql: string, parameters?: Parameters): Promise<number>;
}

export interface Transaction extends Queries {
  readonly engine: "sqlite" | "postgres";
  tenant(customerId: string): Tenant;
}

export interface Tenant extends Queries {
  readonly customerId: string;
  readonly transaction: Transaction;
}

export interface Store extends AsyncDisposable {
  readonly engine: "sqlite" | "postgres";
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: { readOnly?: boolean }): Promise<T>;
  usedBytes(tx: Transaction): Promise<number>;
}
