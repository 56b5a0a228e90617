/** Messages of Zabbix: header and JSON ("Header" and "Zabbix sender protocol" of its manual). Pure. */
import { Buffer } from "node:buffer";

const magic = Buffer.from("ZBXD"), headerBytes = 13;

/** Flags 1: neither compressed nor large. */
export function zabbixFrame(json: string): Uint8Array {
  const body = Buffer.from(json), header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header[4] = 1;
  header.writeUInt32LE(body.length, 5);
  return Buffer.concat([header, body]);
}

/** Undefined until all of it is there. Throws what is wrong with it. */
export function maybeZabbixText(bytes: Uint8Array, mostBytes: number): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begun = Math.min(buffer.length, magic.length);
  if (buffer.compare(magic, 0, begun, 0, begun) !== 0) throw new Error("the answer is not one of Zabbix");
  if (buffer.length < headerBytes) return undefined;
  if (buffer[4] !== 1) throw new Error("the answer is compressed or large, which was not asked for");
  const length = buffer.readUInt32LE(5);
  if (length > mostBytes) throw new Error(`the answer has ${length} bytes`);
  return buffer.length < headerBytes + length
    ? undefined
    : buffer.subarray(headerBytes, headerBytes + length).toString();
}

export interface Processed {
  processed: number;
  failed: number;
}

/** What became of the values: `{"response":"success","info":"processed: 1; failed: 0; total: 1; …"}`. Throws. */
export function parseProcessed(text: string): Processed {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error("the answer is no JSON");
  }
  const { response, info } = (answer ?? {}) as { response?: unknown; info?: unknown };
  const [, processed, failed] = /^processed: (\d{1,9}); failed: (\d{1,9});/.exec(String(info)) ?? [];
  if (response === "success" && processed !== undefined) {
    return { processed: Number(processed), failed: Number(failed) };
  }
  throw new Error(`it answered ${JSON.stringify(response ?? null)}: ${String(info ?? "").slice(0, 200)}`);
}
