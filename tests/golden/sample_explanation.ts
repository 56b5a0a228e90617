/** An invented explanation with every kind of answer, for the golden file of its text. */
import type { Explanation } from "../../src/cli/explanation.ts";
import { sampleDocument } from "./sample_document.ts";

const none = { name: null, octets: null };
const info = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5";
const longText = "Brother NC-8999w, Firmware Ver.1.42  (23.04.18),MID 8CA-Z01,FID 2";
const hex = (text: string) => new TextEncoder().encode(text).toHex();
const counters = "0001040000bc520101040000bc5202010400000000060104000023a0ff";

export const sampleExplanation: Explanation = {
  schema: "opendca.explanation/1",
  subject: "10.1.0.7 port 161",
  recognised: {
    printer: true,
    profile: "brother",
    maker: "Brother",
    evidence: ["Printer-MIB rows at 1.3.6.1.2.1.43.5.1.1", "hrDeviceDescr names Brother"],
  },
  credentials: [
    { name: "floor", version: "2c", saw: "shows the system group alone" },
    { name: "community", version: "2c", saw: "shows the Printer MIB" },
  ],
  reading: {
    ...sampleDocument.printers[0]!,
    observedAt: "2026-01-02T03:04:05.000Z",
    manufacturer: "Brother",
    model: "HL-L5999DW",
    problems: [
      { code: "agent-error", message: "The agent answered genErr", oid: "1.3.6.1.2.1.43.18.1.1.2" },
      {
        code: "metersDisagree",
        message:
          "total is 48210, but mono and color add up to 30000 + 10000 = 40000, which is a sentence too long for one line",
      },
    ],
  },
  values: [
    {
      group: "identity",
      field: "serial",
      value: "U64999A0",
      candidates: [
        {
          oid: "1.3.6.1.2.1.43.5.1.1.17.1",
          rule: "rfc3805.serial",
          raw: "553634393939413000",
          value: "U64999A0",
          verdict: "won",
          name: "prtGeneralSerialNumber.1",
          octets: "553634393939413000",
        },
        {
          ...none,
          oid: `${info}.1.0`,
          rule: "brother.serial",
          raw: null,
          value: null,
          verdict: "not answered",
          name: "brother.serial",
        },
      ],
    },
    {
      group: "identity",
      field: "description",
      value: longText,
      candidates: [{
        oid: "1.3.6.1.2.1.1.1.0",
        rule: "system.description",
        raw: longText,
        value: longText,
        verdict: "won",
        name: "sysDescr.0",
        octets: hex(longText),
      }],
    },
    {
      group: "identity",
      field: "hostname",
      value: "printer.example",
      candidates: [{
        ...none,
        oid: "",
        rule: "target.name",
        raw: "printer.example",
        value: "printer.example",
        verdict: "won",
      }],
    },
    {
      group: "identity",
      field: "location",
      value: null,
      candidates: [{
        oid: "1.3.6.1.2.1.1.6.0",
        rule: "system.location",
        raw: "",
        value: null,
        verdict: "empty or a placeholder",
        name: "sysLocation.0",
        octets: "",
      }],
    },
    {
      group: "meters",
      field: "meters.total",
      value: "48210 impressions",
      candidates: [
        {
          oid: `${info}.10.0`,
          rule: "brother.counter",
          raw: counters,
          value: 48210,
          verdict: "won",
          name: "brother.counter",
          octets: counters,
        },
        {
          oid: "1.3.6.1.2.1.43.10.2.1.4.1.1",
          rule: "rfc3805.lifeCount",
          raw: 61300,
          value: 61300,
          verdict: "an earlier one won",
          contradicts: true,
          name: "prtMarkerLifeCount.1.1",
          octets: null,
        },
      ],
    },
    {
      group: "meters",
      field: "meters.mono",
      value: "48210 impressions",
      candidates: [{
        oid: `${info}.10.0`,
        rule: "brother.counter",
        raw: counters,
        value: 48210,
        verdict: "won",
        name: "brother.counter",
        octets: counters,
      }],
    },
    {
      group: "supplies",
      field: "supplies.1.1.level",
      value: "62 %",
      candidates: [
        {
          oid: `${info}.8.0`,
          rule: "brother.maintenance",
          raw: { id: "6f", value: "00001838" },
          value: 62,
          verdict: "won",
          name: "brother.maintenance",
          octets: "6f010400001838ff",
        },
        {
          oid: "1.3.6.1.2.1.43.11.1.1.9.1.1",
          rule: "rfc3805",
          raw: { level: -3, capacity: -2, unit: 7, class: null, type: 21 },
          value: null,
          verdict: "some",
          name: "prtMarkerSuppliesLevel.1.1",
          octets: null,
        },
      ],
    },
  ],
  notAnswered: [
    { oid: "1.3.6.1.2.1.43.18.1.1.2", name: "prtAlertSeverityLevel" },
    { oid: "1.3.6.1.4.1.32473.1", name: null },
  ],
  unused: [{ oid: "1.3.6.1.2.1.1.7.0", name: null, raw: 72, octets: null }],
};
