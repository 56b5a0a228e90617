/** IPv4 networks of simulated devices: only 127.0.0.0/8, so that a simulator can never answer in a real network. */
import { maybeText, type Place, wrongValue } from "./fleet_fields.ts";

export interface LoopbackRange {
  /** The first address as a number. */
  first: number;
  /** How many addresses, network and broadcast address included. */
  size: number;
}

/** Reads `127.77.0.0/24`; throws `ConfigError`. */
export function maybeLoopbackRange(place: Place): LoopbackRange | undefined {
  const given = maybeText(place);
  if (given === undefined) return undefined;
  const [address, bits, ...rest] = given.split("/");
  const size = 2 ** (32 - Number(bits));
  const first = maybeAddressNumber(address!);
  if (first === undefined || !/^\d+$/.test(bits ?? "") || rest.length > 0 || Number(bits) < 8 || Number(bits) > 32) {
    throw wrongValue(place, "a network of 127.0.0.0/8", "such as 127.77.0.0/24");
  }
  return { first: first - (first % size), size };
}

/** Reads an address of 127.0.0.0/8 as a number; throws `ConfigError`. */
export function maybeLoopbackAddress(place: Place): number | undefined {
  const given = maybeText(place);
  if (given === undefined) return undefined;
  const address = maybeAddressNumber(given);
  if (address === undefined) throw wrongValue(place, "an address of 127.0.0.0/8", "such as 127.77.0.10");
  return address;
}

export function dottedAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}

function maybeAddressNumber(text: string): number | undefined {
  const octets = text.split(".").map((part) => /^\d{1,3}$/.test(part) ? Number(part) : 256);
  if (octets.length !== 4 || octets[0] !== 127 || octets.some((octet) => octet > 255)) return undefined;
  return octets.reduce((number, octet) => number * 256 + octet, 0);
}
