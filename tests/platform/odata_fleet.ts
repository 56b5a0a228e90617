/** Printers of several customers, and a program that asks OData for them. */
import { AlertSeverity, LevelKind, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import type { Program, ProgramsScene } from "./programs_scene.ts";

const root = "/odata/v1";
export const ask = (program: Program, path: string, query: Record<string, string> = {}) =>
  program.get(`${root}/${path}${Object.keys(query).length === 0 ? "" : `?${new URLSearchParams(query)}`}`);

export const toner = (percent: number, index = "1.1") => ({
  index,
  kind: "toner",
  colorant: "black",
  description: "Black Toner",
  partNumber: "TN-1",
  serial: undefined,
  level: { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" },
  source: undefined,
});

export function printer(address: string, serial: string, more: Partial<Record<keyof Reading, unknown>> = {}): Reading {
  return { ...readingOf({ address, serial }), supplies: [toner(4), toner(80, "1.2")], ...more } as unknown as Reading;
}

export async function odataFleet(scene: ProgramsScene): Promise<void> {
  await scene.devices(scene.acme, scene.berlin, [
    printer("10.1.0.1", "SN00001", { model: "LX-100" }),
    printer("10.1.0.2", "SN00002", { model: "LX-200", supplies: [toner(50)] }),
    printer("10.1.0.3", "SN00003", { model: "Ünïcode", location: "3rd floor" }),
  ]);
  await scene.devices(scene.acme, scene.bonn, [
    printer("10.2.0.1", "SN00004", {
      alerts: [{ severity: AlertSeverity.CRITICAL, code: 8, group: "input", description: "Jam", since: undefined }],
    }),
  ]);
  const site = "sit-000000000001";
  for (const customer of [scene.other, scene.foreign]) {
    await scene.platform.queries.tenant(customer).run(
      "INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, :site, 'Rome', 0)",
      { site: `${site.slice(0, -3)}${customer.slice(-3)}` },
    );
  }
  const siteOf = (customer: string) => `${site.slice(0, -3)}${customer.slice(-3)}`;
  await scene.devices(scene.other, siteOf(scene.other), [printer("10.3.0.1", "SN00005")]);
  await scene.devices(scene.foreign, siteOf(scene.foreign), [printer("10.4.0.1", "SN00006")]);
}
