/** How places are spelled in `device_places`. */

/** Empty where the policy of the machine masks the address. */
export function placeText(seen: { address: string; port: number; deviceIndex?: number | undefined }): string {
  return seen.address === "" ? "" : `${seen.address} ${seen.port} ${seen.deviceIndex ?? 0}`;
}

/** An agent sees one device at a place. */
export function agentScope(agentId: string): string {
  return `agent ${agentId}`;
}

/**
 * Agents of one site that call a part of it by the same name see the same device at a place; elsewhere equal addresses are
 * those of other networks.
 */
export function siteScope(siteId: string, name: string): string {
  return `site ${siteId} ${name.toLowerCase()}`;
}
