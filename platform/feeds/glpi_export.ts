/** Printers of a customer as GLPI takes them, for a file or a program that fetches them. */
import project from "../../deno.json" with { type: "json" };
import type { Platform } from "../agents/platform.ts";
import { readPlatform, type TenantBy } from "../audit/use_case.ts";
import { customerOf } from "../customers/customers.ts";
import { devicesNamed, exportDevices } from "../devices/list_devices.ts";
import { fedDevice } from "./fed_device.ts";
import { type GlpiInventory, glpiInventory } from "./glpi_inventory.ts";

async function named(platform: Platform, by: TenantBy): Promise<{ customerId: string; name: string }> {
  const { name } = await readPlatform(platform, by, (tx) => customerOf(tx, by.tenant));
  return { customerId: by.tenant, name };
}

/** All of them, in lots. */
export async function* exportInventories(platform: Platform, by: TenantBy): AsyncGenerator<GlpiInventory[]> {
  const customer = await named(platform, by);
  for await (const lot of exportDevices(platform, by, {})) {
    yield lot.map((device) => glpiInventory(fedDevice(device, customer), project.version));
  }
}

/** Some, in their order. */
export async function inventoriesOf(
  platform: Platform,
  by: TenantBy,
  ids: readonly string[],
): Promise<GlpiInventory[]> {
  const customer = await named(platform, by), devices = await devicesNamed(platform, by, ids);
  return devices.map((device) => glpiInventory(fedDevice(device, customer), project.version));
}
