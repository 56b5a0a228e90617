/** Filters of devices, of all kinds. */
import fc from "fast-check";
import { entities } from "../../platform/interfaces/entities.ts";
import { comparisons, type Filter, textFunctions, type Value } from "../../platform/interfaces/filter.ts";

const literals: Record<string, fc.Arbitrary<Value>> = {
  string: fc.constantFrom("", "a", "A", "LX-100", "LX", "%", "_", "Ünïcode", "\u{1f600}", "'", "10.1.0.2"),
  int32: fc.constantFrom(-1, 0, 1, 2, 0.5),
  int64: fc.constantFrom(-1, 0, 1, 123, 12345, 0.5),
  dateTime: fc.constantFrom(0, Date.parse("2100-01-01T00:00:00Z")),
};
const comparable = Object.entries(entities.devices.properties).filter(([, { type }]) => type !== "boolean");
const leaf: fc.Arbitrary<Filter> = fc.oneof(
  fc.constantFrom(...comparable).chain(([property, { type }]) =>
    fc.record({
      kind: fc.constant("compare" as const),
      property: fc.constant(property),
      operator: fc.constantFrom(...comparisons),
      value: literals[type]!,
    })
  ),
  fc.record({
    kind: fc.constant("compare" as const),
    property: fc.constantFrom("serial", "location", "readAt", "silent"),
    operator: fc.constantFrom("eq" as const, "ne" as const),
    value: fc.constant(null),
  }),
  fc.record({
    kind: fc.constant("compare" as const),
    property: fc.constant("silent"),
    operator: fc.constantFrom("eq" as const, "ne" as const),
    value: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("text" as const),
    name: fc.constantFrom(...textFunctions),
    property: fc.constantFrom("model", "serial", "location", "address"),
    value: literals.string as fc.Arbitrary<string>,
  }),
);
export const { filter: anyFilter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.record({ kind: fc.constant("not" as const), of: tie("filter") }),
    fc.record({
      kind: fc.constantFrom("and" as const, "or" as const),
      of: fc.array(tie("filter"), { maxLength: 3 }),
    }),
  ),
}));
