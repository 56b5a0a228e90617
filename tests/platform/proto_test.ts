import assert from "node:assert/strict";
import * as reading from "../../proto/gen/opendca/v1/reading.ts";
import { peerTest } from "../fixtures/peers.ts";

const root = new URL("../../", import.meta.url).pathname;

peerTest(
  "the generated code is what the protocol makes, and released agents understand it (slow)",
  ["protoc", "npm"],
  async () => {
    const { success, stdout, stderr } = await new Deno.Command("sh", { args: [`${root}tools/check_proto.sh`] })
      .output();
    assert.ok(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  },
);

interface Schema {
  properties?: Record<string, unknown>;
  $defs?: Record<string, Schema>;
}

const schema: Schema = JSON.parse(await Deno.readTextFile(`${root}docs/reading.schema.json`));
const messages: [name: string, fields: object, definition: string][] = [
  ["Reading", reading.Reading.create(), "reading"],
  ["PrinterStatus", reading.PrinterStatus.create(), "status"],
  ["Meter", reading.Meter.create(), "meter"],
  ["Supply", reading.Supply.create(), "supply"],
  ["Tray", reading.Tray.create(), "tray"],
  ["Level", reading.Level.create(), "level"],
  ["Alert", reading.Alert.create(), "alert"],
  ["Problem", reading.Problem.create(), "problem"],
  ["Source", reading.Source.create(), "source"],
];
for (const [name, fields, definition] of messages) {
  Deno.test(`message ${name} has the fields of docs/reading.schema.json`, () => {
    const properties = Object.keys(schema.$defs?.[definition]?.properties ?? {});
    assert.ok(properties.length > 0, `the schema has no definition "${definition}"`);
    assert.deepEqual(Object.keys(fields).toSorted(), properties.toSorted());
  });
}
