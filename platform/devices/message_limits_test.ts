/** Over every message type of the protocol that an agent sends: no text, bytes or list is without a limit. */
import assert from "node:assert/strict";
import * as service from "../../proto/gen/opendca/v1/agent_service.ts";
import * as batch from "../../proto/gen/opendca/v1/batch.ts";
import * as update from "../../proto/gen/opendca/v1/update.ts";
import { defaultLimits, fieldLimits, limitOf } from "../../common/protocol/limits.ts";
import { limitMessage } from "./message_limits.ts";

interface Field {
  name: string;
  type: string;
  isList: boolean;
  oneof: string | undefined;
}

const camel = (name: string) => name.replace(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase());

/** Fields of every message of the protocol, from its own text. */
function protocol(): { messages: Map<string, Field[]>; requests: string[] } {
  const messages = new Map<string, Field[]>(), requests: string[] = [];
  const folder = new URL("../../proto/opendca/v1/", import.meta.url);
  for (const { name } of Deno.readDirSync(folder)) {
    let fields: Field[] = [], oneof: string | undefined;
    for (const line of Deno.readTextFileSync(new URL(name, folder)).split("\n")) {
      const [, message] = /^message (\w+) \{/.exec(line) ?? [];
      const [, request] = /^ +rpc \w+\((\w+)\)/.exec(line) ?? [];
      const [, member] = /^ +oneof (\w+) \{/.exec(line) ?? [];
      if (message !== undefined) messages.set(message, fields = []);
      else if (request !== undefined) requests.push(request);
      else if (member !== undefined) oneof = camel(member);
      else if (/^ +\}/.test(line)) oneof = undefined;
      const field = /^ +(optional |repeated )?([\w.]+) (\w+) = \d+;/.exec(line);
      if (field === null) continue;
      fields.push({ type: field[2]!, name: camel(field[3]!), isList: field[1] === "repeated ", oneof });
    }
  }
  return { messages, requests };
}

const { messages, requests } = protocol();

interface Place {
  path: string[];
  fields: Field[];
}

/** Every field that a message can hold, at any depth. */
function placesOf(message: string, before: Place = { path: [], fields: [] }): Place[] {
  return messages.get(message)!.flatMap((field) => {
    const place = { path: [...before.path, field.name], fields: [...before.fields, field] };
    return [place, ...(messages.has(field.type) ? placesOf(field.type, place) : [])];
  });
}

/** A message that holds `leaf` at the place, and nothing else. */
function messageWith([field, ...below]: Field[], leaf: unknown): object {
  const inner = below.length === 0 ? leaf : messageWith(below, leaf);
  const value = field!.isList && below.length > 0 ? [inner] : inner;
  return field!.oneof === undefined ? { [field!.name]: value } : { [field!.oneof]: { $case: field!.name, value } };
}

function valueAt(message: unknown, [field, ...below]: Field[]): unknown {
  const holder = message as Record<string, unknown>;
  const value = field!.oneof === undefined ? holder[field!.name] : (holder[field!.oneof] as { value: unknown }).value;
  if (below.length === 0) return value;
  return valueAt(field!.isList ? (value as unknown[])[0] : value, below);
}

interface Message {
  fromPartial(value: object): object;
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}
const types = { ...service, ...batch, ...update } as unknown as Record<string, Message>;
const roots: { type: string; kind: "call" | "record" }[] = [
  ...requests.map((type) => ({ type, kind: "call" as const })),
  { type: "Record", kind: "record" },
];

/* No list of records: a batch's records are cut out of it one by one, at most 5,000. */
const mostOfAny = 4 * 1024 * 1024;

for (const { type, kind } of roots) {
  Deno.test(`every text, bytes and list of ${type} has a limit`, () => {
    const message = types[type]!;
    let tried = 0;
    function tryOne(fields: Field[], leaf: unknown, length: (value: unknown) => number, most: number, cut?: boolean) {
      tried++;
      const sent = message.decode(message.encode(message.fromPartial(messageWith(fields, leaf)) as never).finish());
      assert.ok(length(valueAt(sent, fields)) > most, "the test itself sends less");
      const name = fields.map((field) => field.name).join(".");
      const mistake = limitMessage(kind, sent);
      if (cut) assert.deepEqual([mistake, length(valueAt(sent, fields))], [undefined, most], name);
      else assert.match(mistake ?? "", new RegExp(`^${name} has ${length(leaf)} \\w+, at most ${most}$`), name);
    }
    for (const { path, fields } of placesOf(type)) {
      const { type: fieldType, isList } = fields.at(-1)!;
      const { most, entries, cut } = limitOf(kind, path);
      assert.ok(most <= mostOfAny && entries <= 10_000, path.join("."));
      const isText = fieldType === "string", isBytes = fieldType === "bytes";
      if (isList) {
        const one = messages.has(fieldType) ? {} : isText ? "" : isBytes ? new Uint8Array() : 0;
        const list = Array.from({ length: entries + 1 }, () => one);
        tryOne(fields, list, (value) => (value as unknown[]).length, entries, cut);
      }
      const wrap = (leaf: unknown) => isList ? [leaf] : leaf;
      const unwrap = (value: unknown) => isList ? (value as unknown[])[0] : value;
      if (isText) tryOne(fields, wrap("x".repeat(most + 1)), (v) => (unwrap(v) as string).length, most, cut);
      if (isBytes) {
        tryOne(fields, wrap(new Uint8Array(most + 1)), (v) => (unwrap(v) as Uint8Array).length, most, cut);
      }
    }
    assert.ok(tried > 0);
  });
}

Deno.test("every entry of the table of limits stands for a field of the protocol", () => {
  const paths = roots.flatMap(({ type }) => placesOf(type).map(({ path }) => path.join(".")));
  for (const name of Object.keys(fieldLimits)) {
    assert.ok(paths.some((path) => path === name || path.endsWith(`.${name}`)), name);
  }
});

Deno.test("a field that the table does not know has the default", () => {
  const { most, entries } = defaultLimits.call;
  assert.equal(limitMessage("call", { later: { name: "x".repeat(most) } }), undefined);
  assert.equal(
    limitMessage("call", { later: { name: "x".repeat(most + 1) } }),
    "later.name has 1025 characters, at most 1024",
  );
  assert.match(limitMessage("call", { later: Array(entries + 1).fill({}) })!, /^later has 1001 entries/);
});

Deno.test("what is cut ends with a whole character and has no NUL", () => {
  const sent = { agentVersion: `${"x".repeat(49)}\u{1f5a8}`, machine: { os: "li\0nux" }, configRefusals: ["a\0b"] };
  assert.equal(limitMessage("call", sent), undefined);
  assert.deepEqual(sent, {
    agentVersion: `${"x".repeat(49)}\ufffd`,
    machine: { os: "linux" },
    configRefusals: ["ab"],
  });
});
