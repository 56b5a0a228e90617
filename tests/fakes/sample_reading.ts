import type { Reading } from "../../common/reading/reading.ts";

/** A reading of a printer that nobody makes. */
export function interpretedReading(): Reading {
  return {
    observedAt: new Date().toISOString(),
    address: "10.1.0.7",
    port: 161,
    hostname: "prn-07.example",
    snmp: { version: "2c", engineId: null },
    manufacturer: "Acme",
    model: "P1",
    serial: "ZZ12345",
    mac: "02:00:5e:10:20:30",
    firmware: "4.2.1",
    location: null,
    contact: null,
    description: "Acme P1",
    objectId: "1.3.6.1.4.1.99999.1",
    status: { state: "idle", errors: [], panel: null },
    meters: [{
      name: "total",
      value: 64_299,
      unit: "impressions",
      source: { oid: "1.3.6", rule: "rfc3805", raw: 64_299 },
    }],
    supplies: [],
    trays: [],
    alerts: [],
    problems: [],
  };
}
